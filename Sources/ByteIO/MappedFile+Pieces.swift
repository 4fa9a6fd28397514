extension MappedFile {
  /// How many bytes are in memory at once where a file is read from end to end.
  private static let pieceByteCount = 8 << 20

  /// Calls `body` with the bytes of `range`, piece by piece, and gives back the memory of each.
  package func forEachPiece<Failure: Error>(
    of range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Void
  ) throws(Failure) {
    for piece in Self.pieces(of: range) {
      try body(bytes.extracting(piece))
      releasePages(in: piece)
    }
  }

  /// Whether the bytes of `range` are those of `otherRange` in `other`. Stops at a piece that differs.
  package func hasSameBytes(
    in range: Range<Int>, as other: MappedFile, in otherRange: Range<Int>
  ) -> Bool {
    guard range.count == otherRange.count else { return false }
    let distance = otherRange.lowerBound - range.lowerBound
    return Self.pieces(of: range).allSatisfy { piece in
      let otherPiece = piece.lowerBound + distance..<piece.upperBound + distance
      defer {
        releasePages(in: piece)
        other.releasePages(in: otherPiece)
      }
      return bytes.extracting(piece).hasSameBytes(as: other.bytes.extracting(otherPiece))
    }
  }

  private static func pieces(of range: Range<Int>) -> some Sequence<Range<Int>> {
    stride(from: range.lowerBound, to: range.upperBound, by: pieceByteCount).lazy.map {
      $0..<min($0 + pieceByteCount, range.upperBound)
    }
  }
}

extension Digest128 {
  /// XXH3 of `range` of a file, few bytes of which stay in memory.
  package init(of file: MappedFile, in range: Range<Int>) {
    let running = RunningDigest128()
    file.forEachPiece(of: range) { running.update($0) }
    self = running.finish()
  }
}
