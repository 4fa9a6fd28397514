internal import CZstd

/// Whole zstd frames, their content size always declared.
package enum Zstd {
  /// Compresses `bytes` into one frame.
  ///
  /// - Complexity: O(`bytes.byteCount`), at most 0.4 % larger than `bytes`, plus a few bytes.
  package static func compress(_ bytes: RawSpan, level: Int32 = 3) -> [UInt8] {
    let bound = ZSTD_compressBound(bytes.byteCount)
    return unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
      let written = unsafe bytes.withUnsafeBytes { source in
        unsafe ZSTD_compress(
          buffer.baseAddress, bound, source.baseAddress, source.count, level)
      }
      precondition(ZSTD_isError(written) == 0, "zstd refused a buffer of the size it asked for")
      count = written
    }
  }

  /// The content size that a frame declares, or nil if it declares none or is no frame.
  package static func contentByteCount(_ frame: RawSpan) -> Int? {
    let declared = unsafe frame.withUnsafeBytes { source in
      unsafe ZSTD_getFrameContentSize(source.baseAddress, source.count)
    }
    // The two highest values mean "unknown" and "error".
    return Int(exactly: declared)
  }

  /// Decompresses a frame that holds exactly `byteCount` bytes and nothing after them.
  ///
  /// - Throws: ``FormatError`` at 0 if the frame is damaged or declares another size; nothing is
  ///   allocated before the sizes agree.
  package static func decompress(
    _ frame: RawSpan, byteCount: Int
  ) throws(FormatError) -> [UInt8] {
    guard contentByteCount(frame) == byteCount else {
      throw .corrupt("not a zstd frame of \(byteCount) bytes", at: 0)
    }
    var failure: String?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      let written = unsafe frame.withUnsafeBytes { source in
        unsafe ZSTD_decompress(
          buffer.baseAddress, byteCount, source.baseAddress, source.count)
      }
      guard ZSTD_isError(written) == 0, written == byteCount else {
        failure =
          ZSTD_isError(written) != 0
          ? unsafe String(cString: ZSTD_getErrorName(written)) : "\(written) bytes"
        return
      }
      count = written
    }
    if let failure { throw .corrupt("zstd frame: \(failure)", at: 0) }
    return bytes
  }
}
