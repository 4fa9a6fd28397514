/// Where something was published: a repository of models on the Hub, and which commit of it.
package struct Provenance: Hashable, Sendable {
  package let repository: RepositoryName
  package let commit: Commit

  package init(repository: RepositoryName, commit: Commit) {
    self.repository = repository
    self.commit = commit
  }
}

extension Provenance: CustomStringConvertible {
  /// As a user can type it.
  package var description: String { "\(repository)@\(commit)" }

  /// The command line that puts it into the Hub's cache.
  package var downloadCommand: String { "hf download \(repository) --revision \(commit)" }
}

/// A model repository on the Hub: `owner/name`, or a name alone (Formats/hub.md, section 1).
package struct RepositoryName: Hashable, Sendable {
  /// Nil for the few models that have none, such as `gpt2`.
  package let owner: String?
  package let name: String

  /// - Returns: nil if this cannot be a repository's name.
  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { String($0) }
    guard (1...2).contains(parts.count), text.utf8.count <= 96, parts.allSatisfy(Self.isPart) else {
      return nil
    }
    // The Hub's own rules: "--" separates the parts in the names of folders, ".git" ends a clone's.
    guard !text.contains("--"), !text.contains(".."), !text.hasSuffix(".git") else { return nil }
    owner = parts.count == 2 ? parts[0] : nil
    name = parts[parts.count - 1]
  }

  private static func isPart(_ part: String) -> Bool {
    guard let first = part.utf8.first, let last = part.utf8.last else { return false }
    let ends = [UInt8(ascii: "-"), UInt8(ascii: ".")]
    return !ends.contains(first) && !ends.contains(last)
      && part.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"), UInt8(ascii: "_"),
          UInt8(ascii: "."):
          true
        default: false
        }
      }
  }
}

extension RepositoryName: CustomStringConvertible {
  package var description: String { (owner.map { $0 + "/" } ?? "") + name }
}

/// The name of a commit: 40 hexadecimal digits.
package struct Commit: Hashable, Sendable, CustomStringConvertible {
  package let description: String

  /// - Returns: nil if this is no commit's name in full and in lower case.
  package init?(_ text: some StringProtocol) {
    guard text.utf8.count == 40,
      text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
    else { return nil }
    description = String(text)
  }
}
