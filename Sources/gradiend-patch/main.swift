import CLinux
import ByteIO
import CommandGrammar
import GradiendPatch
import Glibc

// Chunks of 8 MiB come and go.
clinux_keep_freed_memory(64 << 20)
Console.occupyClosedStreams()
UnfinishedOutputs.removeOnSignals { error in
  // On a thread of its own, while the command is stuck in the middle of reading.
  report(error, asJSON: Environment.arguments.contains("--json"))
  fflush(nil)
  return ExitStatus(error).rawValue
}
Environment.raiseFileLimit()
Console.exit(with: run(Environment.arguments))

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
    for line in error.lines {
      Console.writeError(line, marking: error.command.map { "\($0):" })
    }
    if arguments.contains("--json") { print(error.json) }
    return .usage
  }
}

func run(_ command: any Command) -> ExitStatus {
  do throws(PatchError) {
    return try command.run()
  } catch {
    report(error, asJSON: command.common.printsJSON)
    return ExitStatus(error)
  }
}

/// Tells people, and programs, why a command failed.
func report(_ error: PatchError, asJSON printsJSON: Bool) {
  let error = error.onCommandLine
  let place = error.path.map { "\($0): " } ?? ""
  Console.writeError("gradiend-patch: \(place)\(error.message)", marking: "gradiend-patch:")
  if let remedy = error.remedy { Console.writeError(remedy) }
  if printsJSON { print(error.json) }
}
