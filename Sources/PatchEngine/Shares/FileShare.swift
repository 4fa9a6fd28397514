internal import ByteIO
package import Checkpoints

/// The weight files of a checkpoint that are a share's (Formats/share.md, section 1).
package struct FileShare: Sendable {
  package let share: Share
  /// Positions among the checkpoint's files, ascending.
  package let fileNumbers: [Int]
  /// For each file of the checkpoint.
  private let isOwn: [Bool]
  /// How many the checkpoint has.
  package let fileCount: Int
  /// Of the files of the share.
  package let byteCount: Int

  package init(_ share: Share, of checkpoint: Checkpoint) {
    self.share = share
    let byteCounts = checkpoint.files.map(\.mapped.byteCount)
    let numbers = Self.dealt(byteCounts, to: share.count)[share.index - 1]
    fileNumbers = numbers
    isOwn = byteCounts.indices.map { numbers.contains($0) }
    fileCount = byteCounts.count
    byteCount = fileNumbers.reduce(0) { $0 + byteCounts[$1] }
  }

  /// Deals out files, the longest first, each to the share that has the fewest bytes.
  ///
  /// - Returns: positions in `byteCounts` for each share, ascending.
  static func dealt(_ byteCounts: [Int], to count: Int) -> [[Int]] {
    var shares = [(byteCount: Int, numbers: [Int])](repeating: (0, []), count: count)
    for number in byteCounts.indices.sorted(by: { (-byteCounts[$0], $0) < (-byteCounts[$1], $1) }) {
      guard let least = shares.indices.min(by: { shares[$0].byteCount < shares[$1].byteCount })
      else { break }
      shares[least].byteCount += byteCounts[number]
      shares[least].numbers.append(number)
    }
    return shares.map { $0.numbers.sorted() }
  }

  /// Whether there are fewer files than shares, and none for this one.
  package var isEmpty: Bool { fileNumbers.isEmpty }

  /// Whether a tensor of the checkpoint is in one of the files.
  package func holds(_ tensor: StoredTensor) -> Bool { isOwn[tensor.fileIndex] }

  /// Layouts are of all files: the first share sees to them.
  package var carriesLayouts: Bool { share.index == 1 }

  /// What a user should know.
  package var notes: [String] {
    guard share.count > fileCount else { return [] }
    let files = fileCount == 1 ? "is 1 weight file" : "are \(fileCount) weight files"
    let idle = share.count - fileCount
    return [
      "there \(files), so \(idle) of \(share.count) shares \(idle == 1 ? "has" : "have") nothing to do: a "
        + "file is not divided"
    ]
  }
}
