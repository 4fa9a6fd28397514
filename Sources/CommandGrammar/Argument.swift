/// One row of a command's table: the facts about an argument, and where its value goes.
package struct Argument<Command: ParsedCommand> {
  let facts: ArgumentFacts
  let assign: (inout Command, String) throws(UsageError) -> Void

  /// A value known by its place among the operands.
  package static func operand<Value: ArgumentValue>(
    _ property: WritableKeyPath<Command, Value>, _ placeholder: String, help: String,
    isRequired: Bool = true
  ) -> Self {
    Self(
      valued: .operand, property, names: [], placeholder: placeholder, help: help,
      isRequired: isRequired, kind: Value.kind)
  }

  /// A value announced by one of `names`, of which the usage line shows the first.
  package static func option<Value: ArgumentValue>(
    _ property: WritableKeyPath<Command, Value>, _ names: String..., value placeholder: String,
    help: String, isRequired: Bool = false, kind: ArgumentValueKind = Value.kind
  ) -> Self {
    Self(
      valued: .option, property, names: names, placeholder: placeholder, help: help,
      isRequired: isRequired, kind: kind)
  }

  /// Values that take all the places left among the operands: at least one, and the last row of
  /// operands.
  package static func operands<Value: ArgumentValue>(
    _ property: WritableKeyPath<Command, [Value]>, _ placeholder: String, help: String
  ) -> Self {
    Self(repeated: .operand, property, names: [], placeholder: placeholder, help: help)
  }

  /// An option that may be given several times, each time with a value to append.
  package static func options<Value: ArgumentValue>(
    _ property: WritableKeyPath<Command, [Value]>, _ names: String..., value placeholder: String,
    help: String, isRequired: Bool = false
  ) -> Self {
    Self(
      repeated: .option, property, names: names, placeholder: placeholder, help: help,
      isRequired: isRequired)
  }

  /// A switch that sets its property, however often it is given.
  package static func flag(
    _ property: WritableKeyPath<Command, Bool>, _ names: String..., help: String
  ) -> Self {
    let facts = ArgumentFacts(
      shape: .flag, names: names, placeholder: "", help: help, isRequired: false, choices: [],
      defaultText: nil, valueKind: .text)
    return Self(facts: facts) { (command, _) throws(UsageError) in
      command[keyPath: property] = true
    }
  }

  /// Sets nothing: the parser stops at it.
  static var help: Self { Self(facts: .help) { (_, _) throws(UsageError) in } }
}

extension Argument {
  private init<Value: ArgumentValue>(
    repeated shape: ArgumentFacts.Shape, _ property: WritableKeyPath<Command, [Value]>,
    names: [String], placeholder: String, help: String, isRequired: Bool = true
  ) {
    facts = ArgumentFacts(
      shape: shape, names: names, placeholder: placeholder, help: help, isRequired: isRequired,
      choices: Value.choices, defaultText: nil, valueKind: Value.kind, isRepeatable: true)
    assign = { (command, text) throws(UsageError) in
      command[keyPath: property].append(try Value(parsing: text, placeholder: placeholder))
    }
  }

  private init<Value: ArgumentValue>(
    valued shape: ArgumentFacts.Shape, _ property: WritableKeyPath<Command, Value>,
    names: [String], placeholder: String, help: String, isRequired: Bool,
    kind: ArgumentValueKind
  ) {
    // A property that must be given has an initial value only because Swift wants one.
    let defaultText = isRequired ? nil : Command()[keyPath: property].defaultText
    facts = ArgumentFacts(
      shape: shape, names: names, placeholder: placeholder, help: help, isRequired: isRequired,
      choices: Value.choices, defaultText: defaultText, valueKind: kind)
    assign = { (command, text) throws(UsageError) in
      command[keyPath: property] = try Value(parsing: text, placeholder: placeholder)
    }
  }
}
