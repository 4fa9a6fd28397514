internal import Foundation

/// The files under `Fixtures`, beside `Tests`.
package enum Fixtures {
  /// The path of the fixture called `name`.
  package static func path(_ name: String) -> String { Project.path("Fixtures/" + name) }
}

/// The formats' specifications, under `Formats`.
package enum Formats {
  /// The text of the specification called `name`.
  package static func text(_ name: String) throws -> String {
    try String(contentsOfFile: Project.path("Formats/" + name), encoding: .utf8)
  }

  /// The lines of the code blocks in `name` that begin with three backticks and `language`.
  package static func blocks(_ language: String, in name: String) throws -> [[Substring]] {
    var blocks: [[Substring]] = []
    var isInside = false
    for line in try text(name).split(separator: "\n", omittingEmptySubsequences: false) {
      if line == "```" + language {
        isInside = true
        blocks.append([])
      } else if line.hasPrefix("```") {
        isInside = false
      } else if isInside {
        blocks[blocks.count - 1].append(line)
      }
    }
    return blocks
  }
}

/// The folder with `Package.swift`.
package enum Project {
  /// The path of `name` in the project.
  package static func path(_ name: String) -> String {
    URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent(name).path
  }
}
