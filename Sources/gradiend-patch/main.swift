import CommandGrammar
import GradiendPatch

Console.occupyClosedStreams()
UnfinishedOutputs.removeOnSignals()
Console.exit(with: run(Array(CommandLine.arguments.dropFirst())))

/// Parses and runs one command line.
func run(_ arguments: [String]) -> ExitStatus {
  do throws(UsageError) {
    switch try Program.commands.parse(arguments, width: Console.width) {
    case .help(let text), .version(let text):
      print(text)
      return .done
    case .run(let command):
      return run(command)
    }
  } catch {
    Console.writeError("\(error)", marking: error.command.map { "\($0):" })
    return .usage
  }
}

func run(_ command: any Command) -> ExitStatus {
  do throws(PatchError) {
    return try command.run()
  } catch {
    Console.writeError("gradiend-patch: \(error)", marking: "gradiend-patch:")
    if error.kind == .outputExists { Console.writeError("use --force to replace it") }
    if command.common.printsJSON { print(error.json) }
    return ExitStatus(error)
  }
}
