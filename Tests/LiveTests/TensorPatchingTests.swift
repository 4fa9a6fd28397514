import Checkpoints
import Live
import PatchEngine
import TestSupport
import Testing

/// Single tensors of a patch, from buffer to buffer.
@Suite struct TensorPatchingTests {
  let bench: LiveBench

  init() throws { bench = try LiveBench(seed: 41) }

  /// Calls `body` with each tensor of the patch, as base and result have it.
  private func forEachTensor(
    _ body: (TensorPatching, RandomModel.Tensor, RandomModel.Tensor) throws -> Void
  ) throws {
    let (base, result) = (LiveMemory(bench.base), LiveMemory(bench.result))
    for (old, new) in zip(bench.base, bench.result) {
      let entry = try #require(bench.patch.index.tensors.first { $0.name == old.name })
      for (role, memory) in [(CheckpointRole.base, base), (.result, result)] {
        let patching = try TensorPatching(
          entry, of: bench.patch, at: memory.address(old.name), as: role)
        try body(patching, old, new)
      }
    }
  }

  @Test func `a tensor of any type is what the patch says, in either role, from either role`()
    throws
  {
    try forEachTensor { patching, old, new in
      for (wanted, expected) in [(CheckpointRole.base, old), (.result, new)] {
        let output = LiveMemory([old])
        output.buffer(old.name).initializeMemory(as: UInt8.self, repeating: 0)
        try patching.write(wanted, to: output.address(old.name), LiveBench.execution)
        #expect(output.tensors == [expected])
      }
    }
  }

  @Test func `the changes of a tensor are those that a comparison finds`() throws {
    try forEachTensor { patching, old, new in
      guard old.type != "F4" else {
        let error = #expect(throws: PatchError.self) { try patching.changes(LiveBench.execution) }
        #expect(error?.kind == .usage)
        return
      }
      let width = old.byteWidth
      let changed = (0..<old.bytes.count / width).filter { index in
        let range = index * width..<(index + 1) * width
        return old.bytes[range] != new.bytes[range]
      }
      let changes = try patching.changes(LiveBench.execution)
      #expect(changes.indices == changed.map(Int64.init))
      #expect(changes.elementByteCount == width || old.bytes.isEmpty)
      #expect(changes.base == changed.flatMap { old.bytes[$0 * width..<($0 + 1) * width] })
      #expect(changes.result == changed.flatMap { new.bytes[$0 * width..<($0 + 1) * width] })
    }
  }

  @Test func `a buffer with other values is refused`() throws {
    let tensor = try #require(zip(bench.base, bench.result).first { $0 != $1 }).0
    let entry = try #require(bench.patch.index.tensors.first { $0.name == tensor.name })
    let memory = LiveMemory(bench.result)
    let patching = try TensorPatching(
      entry, of: bench.patch, at: memory.address(tensor.name), as: .base)
    let error = #expect(throws: PatchError.self) { try patching.changes(LiveBench.execution) }
    #expect(error?.kind == .mismatch)
  }
}
