package import ByteIO
internal import Checkpoints
package import Gradiend
internal import PatchFormat

/// The digest of what determines a GRADIEND's update (Formats/patch.md, section 7), which is made of the
/// digests of pieces.
package struct GradiendDigest: Sendable {
  private let parts: [GradiendCheckpoint.DeterminingPart]
  /// Of all parts, one after the other.
  private let pieces: [(part: Int, range: Range<Int>)]

  package init(_ gradiend: GradiendCheckpoint, part: UpdatePart) {
    parts = gradiend.determiningParts(of: part)
    pieces = parts.enumerated().flatMap { index, part in
      stride(from: part.range.lowerBound, to: part.range.upperBound, by: Self.pieceByteCount)
        .map { (index, $0..<min($0 + Self.pieceByteCount, part.range.upperBound)) }
    }
  }

  private static let pieceByteCount = TensorChunks.byteLimit

  /// How many pieces a part of this length has.
  static func pieceCount(_ byteCount: Int) -> Int {
    byteCount / pieceByteCount + (byteCount % pieceByteCount > 0 ? 1 : 0)
  }

  /// Of the parts.
  package var byteCounts: [Int] { parts.map(\.range.count) }

  /// Reads all pieces, on all threads.
  package func whole(_ execution: Execution) throws(PatchError) -> Digest128 {
    Self.combine(try digests(of: Array(pieces.indices), execution), byteCounts)
  }

  /// Reads some pieces, on all threads.
  ///
  /// - Returns: their digests.
  package func digests(
    of numbers: [Int], _ execution: Execution
  ) throws(PatchError) -> [Digest128] {
    let digests = ChunkDigests(count: numbers.count)
    try execution.forEach(numbers.count) { (index) throws(PatchError) in
      let piece = pieces[numbers[index]]
      let file = parts[piece.part].file
      let digest = Digest128(of: file.bytes.extracting(piece.range))
      file.releasePages(in: piece.range)
      digests.record(digest, of: index)
    }
    return digests.all
  }

  /// The digest of a checkpoint whose parts have these lengths, from those of all its pieces.
  package static func combine(_ digests: [Digest128], _ byteCounts: [Int]) -> Digest128 {
    var rest = digests[...]
    return TensorDigest.combine(
      byteCounts.map { byteCount in
        let count = pieceCount(byteCount)
        defer { rest = rest.dropFirst(count) }
        return TensorDigest.combine(rest.prefix(count))
      })
  }

  /// The pieces that a share reads: those that hold entries which it adds or that are needed to find
  /// them, and its part of those that nobody else reads.
  ///
  /// - Parameters:
  ///   - share: whose.
  ///   - entries: that are added to its tensors.
  ///   - all: that are added to any tensor.
  /// - Returns: their numbers, ascending.
  package func numbers(
    of share: Share, entries: [Range<Int>], among all: [Range<Int>]
  ) -> [Int] {
    Self.numbers(
      of: share, entries: entries, among: all, parts.map { ($0.range.count, $0.bytesPerEntry) })
  }

  /// As above, for parts of these lengths.
  static func numbers(
    of share: Share, entries: [Range<Int>], among all: [Range<Int>],
    _ parts: [(byteCount: Int, bytesPerEntry: Int?)]
  ) -> [Int] {
    let (own, used) = (holds(entries, parts), holds(all, parts))
    return own.indices.filter {
      used[$0] ? own[$0] : $0 % share.count == share.index - 1
    }
  }

  /// For each piece, whether it holds any of these entries, or says where they go.
  private static func holds(
    _ entries: [Range<Int>], _ parts: [(byteCount: Int, bytesPerEntry: Int?)]
  ) -> [Bool] {
    parts.flatMap { part in
      var holds = Array(repeating: part.bytesPerEntry == nil, count: pieceCount(part.byteCount))
      guard let width = part.bytesPerEntry else { return holds }
      for range in entries where !range.isEmpty {
        let last = (range.upperBound * width - 1) / pieceByteCount
        for number in range.lowerBound * width / pieceByteCount...last { holds[number] = true }
      }
      return holds
    }
  }
}
