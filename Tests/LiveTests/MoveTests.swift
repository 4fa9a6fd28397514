import Live
import PatchEngine
import TestSupport
import Testing

/// A model in memory is switched between base and result.
@Suite struct MoveTests {
  let bench: LiveBench

  init() throws { bench = try LiveBench() }

  @Test(arguments: [true, false])
  func `a model that goes there and back a hundred times has the same bytes each time`(
    isChecked: Bool
  ) throws {
    let memory = LiveMemory(bench.base)
    let live = try bench.live(memory.model())
    for _ in 0..<100 {
      #expect(try live.move(to: .result, isChecked: isChecked))
      #expect(memory.tensors == bench.result)
      #expect(try live.move(to: .base, isChecked: isChecked))
      #expect(memory.tensors == bench.base)
    }
  }

  @Test func `a model that is the result goes back to the base first`() throws {
    let memory = LiveMemory(bench.result)
    let live = try bench.live(memory.model())
    #expect(try live.move(to: .base))
    #expect(memory.tensors == bench.base)
    #expect(try live.move(to: .result))
    #expect(memory.tensors == bench.result)
  }

  @Test func `a model that is there already is left alone`() throws {
    let memory = LiveMemory(bench.result)
    let live = try bench.live(memory.model())
    #expect(try !live.move(to: .result))
    #expect(try !live.move(to: .result, isChecked: false))
    #expect(memory.tensors == bench.result)
  }

  @Test func `a verdict names the tensors that differ`() throws {
    let memory = LiveMemory(bench.base)
    let live = try bench.live(memory.model())
    let changed = zip(bench.base, bench.result).filter { $0 != $1 }.map(\.0.name)
    var verdict = try live.verdict(LiveBench.execution)
    #expect(verdict.is(.base) && Set(verdict.differing(from: .result)) == Set(changed))
    try live.move(to: .result)
    verdict = try live.verdict(LiveBench.execution)
    #expect(verdict.is(.result) && Set(verdict.differing(from: .base)) == Set(changed))
    memory.buffer("model.ids")[0] &+= 1
    verdict = try live.verdict(LiveBench.execution)
    #expect(!verdict.is(.result) && verdict.differing(from: .result) == ["model.ids"])
  }

  @Test func `a model of other values is refused and left alone`() throws {
    let memory = LiveMemory(bench.base)
    let other = bench.base.first { !$0.bytes.isEmpty }?.name ?? ""
    memory.buffer(other)[0] ^= 1
    let before = memory.tensors
    let live = try bench.live(memory.model())
    for role in [CheckpointRole.base, .result] {
      let error = #expect(throws: PatchError.self) { try live.move(to: role) }
      #expect(error?.kind == .mismatch && error?.path == "the model")
    }
    #expect(memory.tensors == before)
  }

  // MARK: Others who write to the model

  /// Where a word is that the patch changes.
  private func changedByte() throws -> (tensor: String, offset: Int) {
    let (old, new) = try #require(zip(bench.base, bench.result).first { $0 != $1 })
    return (old.name, try #require(old.bytes.indices.first { old.bytes[$0] != new.bytes[$0] }))
  }

  @Test(arguments: [true, false])
  func `a word that somebody changed between two moves is noticed, and all stays as it is`(
    isChecked: Bool
  ) throws {
    let memory = LiveMemory(bench.base)
    let live = try bench.live(memory.model())
    try live.move(to: .result)
    let (name, offset) = try changedByte()
    memory.buffer(name)[offset] ^= 0x80
    let before = memory.tensors
    let error = #expect(throws: PatchError.self) { try live.move(to: .base, isChecked: isChecked) }
    #expect(error?.kind == .mismatch && error?.tensor == name, "\(error?.message ?? "")")
    #expect(memory.tensors == before)
    // Once it is what it was, all is well.
    memory.buffer(name)[offset] ^= 0x80
    #expect(try live.move(to: .base, isChecked: isChecked))
    #expect(memory.tensors == bench.base)
  }

  @Test func `a word that the patch leaves alone is noticed where all is checked`() throws {
    let memory = LiveMemory(bench.base)
    let live = try bench.live(memory.model())
    try live.move(to: .result)
    let kept = try #require(zip(bench.base, bench.result).first { $0 == $1 && !$0.bytes.isEmpty }).0
    memory.buffer(kept.name)[0] ^= 1
    let error = #expect(throws: PatchError.self) { try live.move(to: .base) }
    #expect(error?.kind == .mismatch && error?.tensor == kept.name)
  }

  @Test func `a model that was loaded again is looked at anew`() throws {
    let memory = LiveMemory(bench.base)
    let live = try bench.live(memory.model())
    try live.move(to: .result)
    memory.load(bench.base)
    #expect(try live.move(to: .result))
    #expect(memory.tensors == bench.result)
    memory.load(bench.base)
    #expect(try !live.move(to: .base))
  }

  @Test func `a model that was loaded again is noticed without a full check, too`() throws {
    let memory = LiveMemory(bench.base)
    let live = try bench.live(memory.model())
    try live.move(to: .result)
    memory.load(bench.base)
    #expect(throws: PatchError.self) { try live.move(to: .result, isChecked: false) }
    #expect(memory.tensors == bench.base)
    // What was known is forgotten, so all of it is looked at now.
    #expect(try live.move(to: .result, isChecked: false))
    #expect(memory.tensors == bench.result)
  }

  @Test func `one model under two hands at once is never mixed`() async throws {
    let memory = LiveMemory(bench.base)
    let model = try memory.model()
    await withTaskGroup { group in
      for role in [CheckpointRole.base, .result] {
        group.addTask {
          guard let live = try? bench.live(model) else { return }
          for _ in 0..<20 { _ = try? live.move(to: role) }
        }
      }
    }
    let verdict = try bench.live(model).verdict(LiveBench.execution)
    #expect(verdict.isBase || verdict.isResult)
  }

  @Test func `a patch that carries a tensor whole is refused, as values alone are another model`()
    throws
  {
    let base = RandomModel(seed: 15).tensors
    var result = base
    result.append(.init(name: "text", type: "U8", shape: [3], bytes: [1, 2, 3]))
    let bench = try LiveBench(
      base + [.init(name: "text", type: "U8", shape: [2], bytes: [1, 2])], result)
    let model = try LiveMemory(base).model()
    let error = #expect(throws: PatchError.self) { try bench.live(model) }
    #expect(error?.kind == .mismatch && error?.tensor == "text")
  }
}
