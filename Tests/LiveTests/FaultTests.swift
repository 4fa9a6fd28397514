import Live
import PatchEngine
import TestSupport
import Testing

/// A model is wholly the one or the other, whatever happens on the way.
@Suite struct FaultTests {
  let bench: LiveBench
  private let base: [RandomModel.Tensor]
  private let result: [RandomModel.Tensor]

  init() throws {
    let model = RandomModel(seed: 21)
    let changed = model.widelyChanged(from: 22)
    bench = try LiveBench(model.tensors.ofWholeBytes, changed.tensors.ofWholeBytes)
    (base, result) = (bench.base, bench.result)
  }

  /// Moves a model to the result and back, and tells the model and what went wrong.
  ///
  /// - Returns: nil once nothing did.
  private func failure(
    _ memory: LiveMemory, _ calls: DeviceCalls, cancellation: Cancellation? = nil
  ) throws -> (error: PatchError, from: [RandomModel.Tensor], to: [RandomModel.Tensor])? {
    let live = try bench.live(memory.model(calls))
    let execution = Execution(threadCount: 2, cancellation: cancellation)
    for (role, from, to) in [(CheckpointRole.result, base, result), (.base, result, base)] {
      do throws(PatchError) {
        _ = try live.move(to: role, execution)
        #expect(memory.tensors == to)
      } catch {
        return (error, from, to)
      }
    }
    return nil
  }

  @Test func `a call of a device that fails, whichever it is, leaves all as it was`() throws {
    for number in 0... {
      let memory = LiveMemory(base)
      let calls = DeviceCalls { $0 == number }
      guard let failed = try failure(memory, calls) else {
        #expect(calls.count <= number)
        return
      }
      #expect(failed.error.kind == .inputOutput, "call \(number): \(failed.error)")
      #expect(failed.error.tensor != nil)
      #expect(memory.tensors == failed.from, "call \(number)")
    }
  }

  @Test func `a device that fails for ever leaves all as it was, or says what is half done`() throws
  {
    var kinds: Set<PatchError.Kind> = []
    for number in 0... {
      let memory = LiveMemory(base)
      guard let failed = try failure(memory, DeviceCalls { $0 >= number }) else { break }
      kinds.insert(failed.error.kind)
      if failed.error.kind != .unfinished { #expect(memory.tensors == failed.from) }
    }
    #expect(kinds == [.inputOutput, .unfinished])
  }

  @Test func `after a failure the model is moved as if nothing had been`() throws {
    let memory = LiveMemory(base)
    let writes = DeviceCalls()
    _ = try failure(memory, writes)
    let calls = DeviceCalls { [last = writes.count / 2] in $0 == last }
    let live = try bench.live(memory.model(calls))
    for _ in 0..<3 { _ = try? live.move(to: .result) }
    #expect(memory.tensors == result)
    #expect(try live.move(to: .base))
    #expect(memory.tensors == base)
  }

  @Test func `work that is cancelled at any call leaves base or result`() throws {
    for number in 0... {
      let memory = LiveMemory(base)
      let cancellation = Cancellation()
      let calls = DeviceCalls { call in
        if call == number { cancellation.cancel() }
        return false
      }
      guard let failed = try failure(memory, calls, cancellation: cancellation) else {
        #expect(memory.tensors == base)
        if calls.count <= number { return }
        continue
      }
      #expect(failed.error.kind == .cancelled)
      #expect(memory.tensors == failed.from, "call \(number)")
    }
  }

  @Test func `a device that keeps nothing of what it takes, from any call on, is found out`() throws
  {
    var kinds: Set<PatchError.Kind> = []
    for number in 0... {
      let memory = LiveMemory(base)
      guard let failed = try failure(memory, DeviceCalls(forgetting: { $0 >= number })) else {
        break
      }
      kinds.insert(failed.error.kind)
      if failed.error.kind != .unfinished { #expect(memory.tensors == failed.from) }
    }
    #expect(kinds == [.mismatch, .unfinished])
  }

  @Test func `a device that cannot be read gives no verdict`() throws {
    let memory = LiveMemory(base)
    let live = try bench.live(memory.model(DeviceCalls { $0 == 3 }))
    let error = #expect(throws: PatchError.self) { try live.verdict(LiveBench.execution) }
    #expect(error?.kind == .inputOutput)
    #expect(try live.verdict(LiveBench.execution).isBase)
  }
}
