import ByteIO
import CommandGrammar
import Glibc

Interruption.removesUnfinishedOutputs { path in
  Bench.note("gradiend-patch-bench: \(path): the file became shorter while it was read")
  return 1
}
exit(run(Array(CommandLine.arguments.dropFirst())))

/// Parses and runs one command line.
///
/// - Returns: the exit code.
func run(_ arguments: [String]) -> Int32 {
  do {
    switch try Bench.program.parse(Bench.withDefaultCommand(arguments)) {
    case .help(let text), .version(let text): print(text)
    case .run(let command): try command.run()
    }
    flushOutput()
    return 0
  } catch let error as UsageError {
    Bench.note("\(error)")
    return 64
  } catch let error as SystemError {
    flushOutput()
    Bench.note("gradiend-patch-bench: \(error.path): \(error)")
    return 1
  } catch {
    flushOutput()
    Bench.note("gradiend-patch-bench: \(error)")
    return 1
  }
}
