internal import Foundation

/// The files under `Fixtures`, beside `Tests`.
package enum Fixtures {
  /// The path of the fixture called `name`.
  package static func path(_ name: String) -> String { repository("Fixtures/" + name) }

  /// The text of the fixture called `name`.
  package static func text(_ name: String) throws -> String {
    try String(contentsOfFile: path(name), encoding: .utf8)
  }

  /// The first block that is fenced as `language` in a page of `Formats`.
  package static func example(_ language: String, in page: String) throws -> String {
    struct Missing: Error { let language: String }
    let parts = try self.page(page).components(separatedBy: "```")
    guard let block = parts.first(where: { $0.hasPrefix(language + "\n") }) else {
      throw Missing(language: language)
    }
    return String(block.dropFirst(language.count + 1))
  }

  /// The text of a page of `Formats`.
  package static func page(_ name: String) throws -> String {
    try String(contentsOfFile: repository("Formats/" + name), encoding: .utf8)
  }

  /// The path of `name` in the repository.
  package static func repository(_ name: String) -> String {
    URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent(name).path
  }
}
