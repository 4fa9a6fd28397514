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
  /// - Throws: ``FormatError`` at 0 if the frame is damaged or declares another size, or if there is
  ///   more than the frame; nothing is allocated before the sizes agree.
  package static func decompress(
    _ frame: RawSpan, byteCount: Int
  ) throws(FormatError) -> [UInt8] {
    try unsafe decompress(frame, byteCount: byteCount) { buffer, source in
      unsafe ZSTD_decompress(buffer.baseAddress, byteCount, source.baseAddress, source.count)
    }
  }

  private static func decompress(
    _ frame: RawSpan, byteCount: Int,
    _ body: (UnsafeMutableBufferPointer<UInt8>, UnsafeRawBufferPointer) -> Int
  ) throws(FormatError) -> [UInt8] {
    guard contentByteCount(frame) == byteCount, isOneFrame(frame) else {
      throw .corrupt("not a zstd frame of \(byteCount) bytes", at: 0)
    }
    var failure: String?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
      let written = unsafe frame.withUnsafeBytes { unsafe body(buffer, $0) }
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

  // MARK: Frames with a prefix

  /// Compresses `bytes` as well as it can, given bytes that the reader has: its raw content
  /// dictionary.
  ///
  /// - Complexity: O(`bytes.byteCount + prefix.byteCount`).
  package static func compress(_ bytes: RawSpan, prefix: RawSpan) -> [UInt8] {
    guard let context = unsafe ZSTD_createCCtx() else { preconditionFailure("out of memory") }
    defer { unsafe ZSTD_freeCCtx(context) }
    // The window must reach from the last byte to the first of the prefix.
    let reach = bytes.byteCount + prefix.byteCount
    let windowLog = min(31, max(10, Int.bitWidth - reach.leadingZeroBitCount))
    unsafe set(ZSTD_c_compressionLevel, 19, of: context)
    unsafe set(ZSTD_c_windowLog, Int32(windowLog), of: context)
    unsafe set(ZSTD_c_enableLongDistanceMatching, 1, of: context)
    let bound = ZSTD_compressBound(bytes.byteCount)
    return unsafe [UInt8](unsafeUninitializedCapacity: bound) { buffer, count in
      let written = unsafe prefix.withUnsafeBytes { prefix in
        unsafe bytes.withUnsafeBytes { source in
          unsafe ZSTD_CCtx_refPrefix(context, prefix.baseAddress, prefix.count)
          return unsafe ZSTD_compress2(
            context, buffer.baseAddress, bound, source.baseAddress, source.count)
        }
      }
      precondition(ZSTD_isError(written) == 0, "zstd refused a buffer of the size it asked for")
      count = written
    }
  }

  private static func set(
    _ parameter: ZSTD_cParameter, _ value: Int32, of context: OpaquePointer
  ) {
    let result = unsafe ZSTD_CCtx_setParameter(context, parameter, value)
    precondition(ZSTD_isError(result) == 0, "zstd refused a parameter")
  }

  /// Decompresses a frame that holds exactly `byteCount` bytes and was made with this prefix.
  ///
  /// - Throws: ``FormatError`` at 0 if the frame is damaged or declares another size; nothing is
  ///   allocated before the sizes agree.
  package static func decompress(
    _ frame: RawSpan, byteCount: Int, prefix: RawSpan
  ) throws(FormatError) -> [UInt8] {
    try unsafe decompress(frame, byteCount: byteCount) { buffer, source in
      guard let context = unsafe ZSTD_createDCtx() else { preconditionFailure("out of memory") }
      defer { unsafe ZSTD_freeDCtx(context) }
      unsafe ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 31)
      return unsafe prefix.withUnsafeBytes { prefix in
        unsafe ZSTD_DCtx_refPrefix(context, prefix.baseAddress, prefix.count)
        return unsafe ZSTD_decompressDCtx(
          context, buffer.baseAddress, byteCount, source.baseAddress, source.count)
      }
    }
  }

  /// Whether `bytes` are one frame of the present format. The library would take frames of formats
  /// before version 0.8, and any number of frames one after the other, empty ones and such that
  /// decoders skip among them.
  private static func isOneFrame(_ bytes: RawSpan) -> Bool {
    unsafe bytes.withUnsafeBytes { source in
      guard source.count >= 4,
        unsafe UInt32(littleEndian: source.loadUnaligned(as: UInt32.self)) == ZSTD_MAGICNUMBER
      else { return false }
      // An error is a number larger than any size.
      return unsafe ZSTD_findFrameCompressedSize(source.baseAddress, source.count) == source.count
    }
  }
}
