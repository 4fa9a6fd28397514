import Foundation
import GradiendPatch
import Synchronization
import TestSupport
import Testing

private final class Gate: Sendable {
  let isOpen = Atomic(false)
  let waiting = Atomic(0)
}

/// How operations are run, whichever they are.
@Suite struct OperationTests {
  let bench: Workbench

  init() throws {
    bench = try Workbench()
    let base = RandomModel(seed: 4)
    try bench.write(base, to: "base")
    try bench.write(base.changed(seed: 5), to: "result")
  }

  private func diff(to output: String) -> Diff {
    Diff(base: bench.path("base"), result: bench.path("result"), output: bench.path(output))
  }

  @Test func `awaited, an operation gives what it gives otherwise`() async throws {
    let awaited = try await diff(to: "awaited").run()
    let blocking = try { () throws(PatchError) in try diff(to: "blocking").run() }()
    #expect(awaited.changedElementCount == blocking.changedElementCount)
    #expect(try bench.bytes("awaited") == bench.bytes("blocking"))
  }

  @Test func `a cancelled operation ends with that error and writes nothing`() async throws {
    let before = try bench.folder.names()
    let operation = diff(to: "patch")
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await operation.run()
    }
    let error = await #expect(throws: PatchError.self) { _ = try await task.value }
    #expect(error?.kind == .cancelled)
    #expect(try bench.folder.names() == before)
  }

  /// More operations than cores wait for one task, which would never run if they held the threads
  /// that all tasks share.
  @Test(.timeLimit(.minutes(1)))
  func `operations leave the threads that tasks share to others`() async throws {
    let gate = Gate()
    let count = 2 * ProcessInfo.processInfo.activeProcessorCount + 2
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<count {
        let operation = diff(to: "patch\(number)")
        group.addTask {
          _ = try await operation.run { _ in
            gate.waiting.add(1, ordering: .relaxed)
            while !gate.isOpen.load(ordering: .relaxed) { usleep(1000) }
          }
        }
      }
      group.addTask {
        while gate.waiting.load(ordering: .relaxed) < count {
          try await Task.sleep(for: .milliseconds(5))
        }
        gate.isOpen.store(true, ordering: .relaxed)
      }
      try await group.waitForAll()
    }
  }
}
