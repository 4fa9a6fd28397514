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

  /// How many shares there can be.
  public static let limit = ShareHeader.countLimit

  /// - Parameters:
  ///   - index: see ``index``.
  ///   - count: see ``count``.
  /// - Throws: ``PatchError`` of kind `usage` if there is no such share.
  public init(index: Int, count: Int) throws(PatchError) {
    guard (1...Self.limit).contains(count) else {
      throw PatchError(.usage, "work is divided into 1 to \(Self.limit) shares, not \(count)")
    }
    guard (1...count).contains(index) else {
      throw PatchError(.usage, "there is no share \(index) of \(count): they are numbered from 1")
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
