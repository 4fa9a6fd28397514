import CommandGrammar
import GradiendPatch

Console.occupyClosedStreams()
UnfinishedOutputs.removeOnSignals()
let program = CommandSet<any Command>(
  name: "gradiend-patch", version: Version.current,
  summary: "Publish debiased models as small patches of their base.",
  commands: [
    .command(CreateCommand.self) { $0 },
    .command(DiffCommand.self) { $0 },
    .command(ApplyCommand.self) { $0 },
    .command(StripCommand.self) { $0 },
    .command(VerifyCommand.self) { $0 },
    .command(InspectCommand.self) { $0 },
  ])
Console.exit(with: run(program, Array(CommandLine.arguments.dropFirst())))

/// Parses and runs one command line.
func run(_ program: CommandSet<any Command>, _ arguments: [String]) -> ExitStatus {
  do throws(UsageError) {
    switch try program.parse(arguments, width: Console.width) {
    case .help(let text), .version(let text):
      print(text)
      return .done
    case .run(let command):
      return run(command)
    }
  } catch {
    Console.writeError("\(error)")
    return .usage
  }
}

func run(_ command: any Command) -> ExitStatus {
  do throws(PatchError) {
    return try command.run()
  } catch {
    Console.writeError("gradiend-patch: \(error)")
    if error.kind == .outputExists { Console.writeError("use --force to replace it") }
    if command.common.printsJSON { print(error.json) }
    return ExitStatus(error)
  }
}
