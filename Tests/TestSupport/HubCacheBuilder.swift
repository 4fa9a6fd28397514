internal import Foundation

/// Lays files out as the Hub's local cache has them.
package struct HubCacheBuilder {
  package let folder: TemporaryDirectory
  package let commit: String

  package init(commit: String = String(repeating: "0123456789", count: 4)) throws {
    folder = try TemporaryDirectory()
    self.commit = commit
  }

  /// The variables that make a program look here and nowhere else.
  package var environment: [String] { ["HF_HUB_CACHE=\(folder.path)"] }

  /// The folder of the repository's one snapshot, in the cache.
  package func snapshot(of repository: String) -> String {
    "models--\(repository.replacing("/", with: "--"))/snapshots/\(commit)"
  }

  /// Adds a file to a repository: a link to a blob of this name, or the file itself for none.
  package func add(
    _ name: String, _ bytes: some Sequence<UInt8>, to repository: String, blob: String? = nil
  ) throws {
    let root = "models--" + repository.replacing("/", with: "--")
    try folder.write(commit, to: root + "/refs/main")
    let path = snapshot(of: repository) + "/" + name
    guard let blob else {
      try folder.write(bytes, to: path)
      return
    }
    try folder.write(bytes, to: root + "/blobs/" + blob)
    let link = URL(fileURLWithPath: folder.path(path))
    try FileManager.default.createDirectory(
      at: link.deletingLastPathComponent(), withIntermediateDirectories: true)
    let depth = 2 + name.count { $0 == "/" }
    try FileManager.default.createSymbolicLink(
      atPath: link.path,
      withDestinationPath: String(repeating: "../", count: depth) + "blobs/" + blob)
  }

  package func add(_ name: String, _ text: String, to repository: String) throws {
    try add(name, text.utf8, to: repository, blob: Self.gitName(of: text))
  }

  /// Forty digits that depend on the text; the cache only wants them to be unique.
  private static func gitName(of text: String) -> String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    let digits = String(hash, radix: 16)
    return String(repeating: "0", count: 40 - digits.count) + digits
  }
}
