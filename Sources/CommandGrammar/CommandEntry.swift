/// A command's place in a ``CommandSet``: its facts, and what its arguments lead to.
package struct CommandEntry<Action: Sendable>: Sendable {
  package let facts: CommandFacts

  /// Leads to `nil` when the words ask for the command's help.
  let parse: @Sendable (ArraySlice<String>) throws(UsageError) -> Action?

  /// Enters `Command`, whose parsed value `action` turns into what the program shall do.
  ///
  /// With an existential as `Action`, `{ $0 }` is enough.
  package static func command<Command: ParsedCommand>(
    _ type: Command.Type, action: @escaping @Sendable (Command) -> Action
  ) -> Self {
    Self(facts: CommandFacts(type)) { (words) throws(UsageError) in
      guard let command = try ArgumentParser<Command>.parse(words) else { return nil }
      return action(command)
    }
  }
}
