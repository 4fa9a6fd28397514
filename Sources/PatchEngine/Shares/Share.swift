internal import ByteIO
package import Checkpoints
package import PatchFormat

/// One of the parts in which several machines, or runs after one another, do a piece of work.
///
/// The weight files of a checkpoint are dealt out by their lengths, each to one share. There may be more
/// shares than files: some are then empty.
public struct Share: Sendable, Equatable {
  /// From 1 to ``count``.
  public let index: Int
  /// Into how many shares the work is divided.
  public let count: Int

  /// How many shares are taken.
  public static let limit = 100_000

  /// - Parameters:
  ///   - index: see ``index``.
  ///   - count: see ``count``.
  /// - Throws: ``PatchError`` of kind `usage` if there is no such share.
  public init(index: Int, count: Int) throws(PatchError) {
    guard (1...Self.limit).contains(count), (1...count).contains(index) else {
      throw PatchError(
        .usage,
        "there is no share \(index) of \(count): shares are numbered from 1, and at most \(Self.limit)"
      )
    }
    (self.index, self.count) = (index, count)
  }

  /// What the file of a share is called, so that a pattern lists those of all in their order.
  package func name(of kind: ShareHeader.Kind) -> String {
    let (number, count) = ("\(index)", "\(self.count)")
    return "\(kind.name)-"
      + String(repeating: "0", count: count.utf8.count - number.utf8.count)
      + "\(number)-of-\(count)"
  }
}

extension Share {
  /// Where the piece of a patch lies.
  package func piece(of patch: String) -> String { "\(patch).\(name(of: .piece))" }
}

extension Share: CustomStringConvertible {
  /// As it is typed.
  public var description: String { "\(index)/\(count)" }
}

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

  /// Whether a tensor of the checkpoint is in one of the files.
  package func holds(_ tensor: StoredTensor) -> Bool { isOwn[tensor.fileIndex] }

  /// Layouts are of all files: the first share sees to them.
  package var carriesLayouts: Bool { share.index == 1 }

  /// What a user should know.
  package var notes: [String] {
    guard share.count > fileCount else { return [] }
    let files = fileCount == 1 ? "is 1 weight file" : "are \(fileCount) weight files"
    return [
      "there \(files), so \(share.count - fileCount) of \(share.count) shares have nothing to do: a file "
        + "is not divided"
    ]
  }
}
