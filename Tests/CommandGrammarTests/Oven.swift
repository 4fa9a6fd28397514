import CommandGrammar

/// A program to parse for.
enum Oven {
  static let program = CommandSet<any ParsedCommand>(
    name: "oven", version: "1.2.3", summary: "Bake things, and taste them.",
    commands: [
      .command(BakeCommand.self) { $0 },
      .command(TasteCommand.self) { $0 },
    ])

  /// What `words`, split at spaces, make of the `bake` command.
  static func bake(_ words: String) throws -> BakeCommand? {
    guard case .run(let command) = try program.parse(["bake"] + split(words)) else { return nil }
    return command as? BakeCommand
  }

  /// The first line of the error that `words`, split at spaces, lead to.
  static func complaint(_ words: String) -> String {
    do throws(UsageError) {
      return "accepted: \(try program.parse(split(words)))"
    } catch {
      let lines = error.description.split(separator: "\n")
      return lines.first.map { String($0) } ?? ""
    }
  }

  static func help(_ words: String, width: Int = 80) throws -> String? {
    guard case .help(let text) = try program.parse(split(words), width: width) else { return nil }
    return text
  }

  private static func split(_ words: String) -> [String] {
    words.split(separator: " ").map { String($0) }
  }
}
