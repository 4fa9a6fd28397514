internal import ByteIO

/// The bytes of a chunk, for as long as somebody holds on to them.
enum ChunkBytes: Sendable {
  case computed([UInt8])
  /// A range of a mapped file.
  case mapped(MappedFile, Range<Int>)

  /// Calls `body` with the bytes.
  ///
  /// - Throws: what `body` throws.
  func withBytes<Result, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    switch self {
    case .computed(let bytes): try body(bytes.rawSpan)
    case .mapped(let file, let range): try body(file.bytes.extracting(range))
    }
  }

  /// Gives back the memory of mapped pages, which stay readable.
  func releasePages() {
    if case .mapped(let file, let range) = self { file.releasePages(in: range) }
  }
}
