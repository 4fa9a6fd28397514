import CommandGrammar
import GradiendPatch

/// The commands of this program.
enum Program {
  static let commands = CommandSet<any Command>(
    name: "gradiend-patch", version: Version.current, date: Version.date,
    summary: "Publish debiased models as small patches of their base.",
    commands: [
      .command(CreateCommand.self) { $0 },
      .command(DiffCommand.self) { $0 },
      .command(JoinCommand.self) { $0 },
      .command(CombineCommand.self) { $0 },
      .command(AdapterCommand.self) { $0 },
      .command(ApplyCommand.self) { $0 },
      .command(StripCommand.self) { $0 },
      .command(VerifyCommand.self) { $0 },
      .command(InspectCommand.self) { $0 },
      .command(ExportCommand.self) { $0 },
      .command(CardCommand.self) { $0 },
      .command(PackageCommand.self) { $0 },
      .command(CompletionsCommand.self) { $0 },
      .command(ManualCommand.self) { $0 },
    ],
    environment: [
      ("COLUMNS", "how wide help is, unless the terminal knows"),
      ("NO_COLOR", "if set, messages on a terminal have no colour"),
    ])
}
