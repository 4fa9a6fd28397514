import ByteIO
import Checkpoints
import Glibc

/// Times operations in rounds: each once in every round, so that what disturbs the machine for a
/// while disturbs them all.
struct Rounds {
  /// What became of one operation.
  struct Measurement {
    let operation: Operation
    let seconds: Statistics
    /// The largest peak of all runs.
    let peakByteCount: Int
  }

  let scratch: ScratchFolder
  let roundCount: Int

  /// Runs the operations in their order, again and again.
  ///
  /// `progress` is told in words what ran last, and how long it took.
  ///
  /// - Throws: ``BenchError`` for the first operation that fails.
  func run(_ operations: [Operation], progress: (String) -> Void) throws -> [Measurement] {
    var seconds = operations.map { _ in [Double]() }
    var peaks = operations.map { _ in 0 }
    for round in 1...roundCount {
      for (index, operation) in operations.enumerated() {
        let child = try time(operation)
        seconds[index].append(child.seconds)
        peaks[index] = max(peaks[index], child.peakByteCount)
        let time = Decimal.text(child.seconds, digits: 3)
        progress("round \(round) of \(roundCount): \(operation.title): \(time) s")
      }
    }
    return operations.indices.map { index in
      Measurement(
        operation: operations[index], seconds: Statistics(seconds[index]),
        peakByteCount: peaks[index])
    }
  }

  private func time(_ operation: Operation) throws -> (seconds: Double, peakByteCount: Int) {
    // Nothing may be left to write back from before, whoever made it.
    if let output = operation.output { scratch.remove(output) }
    sync()
    for input in operation.inputs { try Machine.readIntoCache(input) }
    let child = try ChildProcess.succeed(operation.arguments, scratch: scratch)
    var seconds = child.seconds
    if let output = operation.output {
      if operation.synchronisesOutput {
        let start = ContinuousClock.now
        try Self.synchronise(scratch.path(output))
        seconds += start.duration(to: .now).inSeconds
      }
      scratch.remove(output)
    }
    return (seconds, child.peakByteCount)
  }

  /// Brings a file, or the files of a folder, to the disk.
  private static func synchronise(_ path: String) throws {
    guard !(try FileStatus(path: path).isFolder) else {
      for name in try Folder.names(in: path) { try synchronise(Folder.join(path, name)) }
      return
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    guard descriptor >= 0, fsync(descriptor) == 0 else {
      throw SystemError("fsync", path: path)
    }
  }
}
