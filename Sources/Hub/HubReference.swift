package import PatchFormat

/// What a user may type for something on the Hub:
/// `[hf://]owner/name[@revision][/path/in/repository]`, or the address of it (Formats/hub.md, section 1).
package struct HubReference: Equatable, Sendable {
  package let repository: RepositoryName
  /// A branch, a tag, a reference such as `refs/pr/1`, or a commit; nil for the branch `main`.
  package let revision: String?
  /// A file or folder in the repository; nil for all of it.
  package let path: String?
  /// Whether it began with `hf://`, or as an address of the Hub, and so can be nothing else.
  package let isExplicit: Bool

  /// - Returns: nil if `text` cannot be a reference, as no path with `..` or with two slashes in a
  ///   row can.
  package init?(_ text: String) {
    let start = Self.starts.first { text.hasPrefix($0) }
    isExplicit = start != nil
    var parts = text.dropFirst(start?.count ?? 0)
      .split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
    // A slash at the end comes from the completion of a shell.
    if parts.count > 1, parts.last == "" { parts.removeLast() }
    if start?.hasPrefix("http") ?? false { Self.readAddress(&parts) }

    var nameParts: [String] = []
    var revision: String?
    while nameParts.count < 2, revision == nil, !parts.isEmpty {
      let part = parts.removeFirst()
      guard let at = part.firstIndex(of: "@") else {
        nameParts.append(part)
        continue
      }
      nameParts.append(String(part[..<at]))
      revision = Self.revision(String(part[part.index(after: at)...]), &parts)
      if revision == nil { return nil }
    }
    guard let repository = RepositoryName(nameParts.joined(separator: "/")),
      parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." && !$0.contains("\0") })
    else { return nil }
    self.repository = repository
    self.revision = revision
    path = parts.isEmpty ? nil : parts.joined(separator: "/")
  }

  /// What can begin nothing else.
  private static let starts = [
    "hf://", "https://huggingface.co/", "http://huggingface.co/", "https://hf.co/",
  ]

  /// Makes `OWNER/NAME/tree/REVISION/PATH`, as a browser shows it, a name.
  private static func readAddress(_ parts: inout [String]) {
    if let last = parts.last, let end = last.firstIndex(where: { "?#".contains($0) }) {
      parts[parts.count - 1] = String(last[..<end])
    }
    for index in [1, 2] where parts.count > index + 1 {
      guard ["tree", "blob", "resolve"].contains(parts[index]) else { continue }
      parts[index - 1] += "@" + parts[index + 1]
      parts.removeSubrange(index...index + 1)
      return
    }
  }

  package init(_ repository: RepositoryName, revision: String?, path: String? = nil) {
    self.repository = repository
    self.revision = revision
    self.path = path
    isExplicit = false
  }

  /// The revision that begins with `first`: alone, with `%2F` for each slash, or `refs/pr/N` and
  /// `refs/convert/NAME`, whose rest is taken from `rest`.
  private static func revision(_ first: String, _ rest: inout [String]) -> String? {
    var revision = first.replacing("%2F", with: "/").replacing("%2f", with: "/")
    if first == "refs", rest.count >= 2, ["pr", "convert"].contains(rest[0]) {
      revision = (["refs"] + rest.prefix(2)).joined(separator: "/")
      rest.removeFirst(2)
    }
    let parts = revision.split(separator: "/", omittingEmptySubsequences: false)
    let isSound = parts.allSatisfy {
      !$0.isEmpty && $0 != "." && $0 != ".." && $0.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7F }
    }
    return isSound ? revision : nil
  }

  /// The command line that puts it into the cache. A path without an ending is taken for a folder.
  package var downloadCommand: String {
    var words = ["hf", "download", "\(repository)"]
    if let path {
      let isFile = path.split(separator: "/").last?.contains(".") ?? false
      words += isFile ? [Shell.quoted(path)] : ["--include", Shell.quoted(path + "/*")]
    }
    if let revision { words += ["--revision", Shell.quoted(revision)] }
    return words.joined(separator: " ")
  }
}

extension HubReference: CustomStringConvertible {
  package var description: String {
    "\(repository)" + (revision.map { "@" + $0.replacing("/", with: "%2F") } ?? "")
      + (path.map { "/" + $0 } ?? "")
  }
}
