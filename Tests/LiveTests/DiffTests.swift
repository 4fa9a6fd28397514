import Live
import PatchEngine
import PatchFormat
import TestSupport
import Testing

/// Patches between two models in memory.
@Suite struct DiffTests {
  private let bench: LiveBench
  private let base: [RandomModel.Tensor]
  private let result: [RandomModel.Tensor]

  init() throws {
    bench = try LiveBench()
    (base, result) = (bench.base.ofWholeBytes, bench.result.ofWholeBytes)
  }

  private func diff(_ base: MemoryModel, _ result: MemoryModel) throws(PatchError) -> PatchSummary {
    try LiveDiff.write(base, result, to: bench.folder.path("made"), LiveBench.execution)
  }

  @Test func `it lists no files, and switches the one to the other`() throws {
    let (memory, other) = (LiveMemory(base), LiveMemory(result))
    let model = try memory.model()
    #expect(try diff(model, other.model()).changedElementCount > 0)
    let patch = try PatchFile(path: bench.folder.path("made"))
    #expect(patch.metadata.base.files.isEmpty && patch.metadata.result.files.isEmpty)
    let live = try LivePatch(patch, model)
    #expect(try live.move(to: .result))
    #expect(memory.tensors == result)
    #expect(try live.move(to: .base))
    #expect(memory.tensors == base && other.tensors == result)
  }

  @Test func `one model with itself changes nothing`() throws {
    let memory = LiveMemory(base)
    let model = try memory.model()
    #expect(try diff(model, model).changedElementCount == 0)
    #expect(memory.tensors == base)
  }

  @Test func `a device that cannot be read leaves no patch, and can be read later`() throws {
    let (memory, other) = (LiveMemory(base), LiveMemory(result))
    for number in 0..<3 {
      let model = try memory.model(DeviceCalls { $0 == number })
      let error = #expect(throws: PatchError.self) { try diff(model, other.model()) }
      #expect(error?.kind == .inputOutput && error?.tensor != nil)
      #expect(try bench.folder.names().filter { $0.contains("made") } == [])
    }
    let model = try memory.model(DeviceCalls { $0 == 0 })
    #expect(throws: PatchError.self) { try diff(model, other.model()) }
    #expect(try diff(model, other.model()).changedElementCount > 0)
    #expect(other.tensors == result)
  }

  @Test func `a tensor that is tied in one of the two only is refused`() throws {
    let name = base[0].name
    let (memory, copy) = (LiveMemory(base), LiveMemory([base[0]]))
    let tied = try memory.model(ties: [name: "head"])
    let untied = try MemoryModel(
      base.map { memory.described($0) } + [copy.described(base[0], as: "head")], modelType: nil)
    let error = #expect(throws: PatchError.self) { try diff(tied, untied) }
    #expect(error?.kind == .badInput)
    withExtendedLifetime((memory, copy)) {}
  }
}
