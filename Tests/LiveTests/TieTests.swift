import Checkpoints
import Live
import PatchEngine
import TestSupport
import Testing

/// Several names of one piece of memory.
@Suite struct TieTests {
  private typealias Tensor = RandomModel.Tensor
  private let embedding = Tensor.pair("model.embed_tokens.weight", rows: 90, columns: 14, seed: 5)
  private var head: (base: RandomModel.Tensor, result: RandomModel.Tensor) {
    (
      [embedding.base].renamed { _ in "lm_head.weight" }[0],
      [embedding.result].renamed { _ in "lm_head.weight" }[0]
    )
  }
  private let ties = ["model.embed_tokens.weight": "lm_head.weight"]

  @Test func `a head that is tied to the embedding is one tensor with it`() throws {
    let bench = try LiveBench([embedding.base, head.base], [embedding.result, head.result])
    let memory = LiveMemory([embedding.base])
    let model = try memory.model(ties: ties)
    #expect(model.tensors.count == 1 && model.names.count == 2)
    let live = try bench.live(model)
    #expect(live.missingNames.isEmpty)
    for isChecked in [true, false] {
      #expect(try live.move(to: .result, isChecked: isChecked))
      #expect(memory.tensors == [embedding.result])
      #expect(try live.verdict(LiveBench.execution).isResult)
      #expect(try live.move(to: .base, isChecked: isChecked))
      #expect(memory.tensors == [embedding.base])
    }
  }

  @Test func `a head that is tied, but is another tensor in the result, is refused`() throws {
    let bench = try LiveBench([embedding.base, head.base], [embedding.result, head.base])
    let memory = LiveMemory([embedding.base])
    let error = #expect(throws: PatchError.self) { try bench.live(memory.model(ties: ties)) }
    #expect(error?.kind == .mismatch && error?.tensor == "lm_head.weight")
    // A model in which it is one of its own is fine.
    let untied = LiveMemory([embedding.base, head.base])
    #expect(try bench.live(untied.model()).move(to: .result))
    #expect(untied.tensors == [embedding.result, head.base])
  }

  @Test func `a head that only the model knows changes with its embedding`() throws {
    let bench = try LiveBench([embedding.base], [embedding.result])
    let memory = LiveMemory([embedding.base])
    let live = try bench.live(memory.model(ties: ties))
    #expect(try live.move(to: .result))
    #expect(memory.tensors == [embedding.result])
  }

  // MARK: Memory that cannot be

  private func memory(_ tensors: [(name: String, type: ElementType, shape: [Int], offset: Int)])
    throws
  {
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 8)
    defer { buffer.deallocate() }
    _ = try MemoryModel(
      tensors.map { tensor in
        MemoryModel.Tensor(
          name: tensor.name, elementType: tensor.type, shape: tensor.shape,
          memory: .address(.init(buffer + tensor.offset)))
      }, modelType: nil)
  }

  private func refusal(
    _ tensors: [(name: String, type: ElementType, shape: [Int], offset: Int)]
  ) -> PatchError? {
    #expect(throws: PatchError.self) { try memory(tensors) }
  }

  @Test func `names of one memory may have shapes of their own`() throws {
    try memory([("a", .float32, [2, 3], 0), ("b", .float32, [6], 0), ("c", .float32, [0], 0)])
  }

  @Test func `two names of one memory with different lengths are refused`() {
    let error = refusal([("a", .float32, [2, 3], 0), ("b", .float32, [5], 0)])
    #expect(error?.kind == .usage && error?.tensor == "b")
  }

  @Test func `two names of one memory with different types are refused`() {
    let error = refusal([("a", .float16, [4], 0), ("b", .bfloat16, [4], 0)])
    #expect(error?.kind == .usage && error?.tensor == "b")
  }

  @Test func `memory that is in part another tensor's is refused`() {
    let error = refusal([("a", .float32, [4], 4), ("b", .float32, [4], 16)])
    #expect(error?.kind == .usage && error?.tensor == "b")
    let inner = refusal([("a", .float32, [8], 0), ("b", .float32, [1], 8)])
    #expect(inner?.kind == .usage && inner?.tensor == "b")
  }

  @Test func `tensors that touch each other are fine`() throws {
    try memory([("a", .float32, [4], 16), ("b", .float32, [4], 0), ("c", .uint8, [0], 17)])
  }

  @Test func `a name that is there twice is refused`() {
    let error = refusal([("a", .float32, [4], 0), ("a", .float32, [4], 16)])
    #expect(error?.kind == .usage && error?.tensor == "a")
  }

  @Test func `a tensor that goes on after the last address is refused`() throws {
    let start = try #require(UnsafeMutableRawPointer(bitPattern: UInt.max - 50))
    let error = #expect(throws: PatchError.self) {
      try MemoryModel(
        [
          MemoryModel.Tensor(
            name: "a", elementType: .uint8, shape: [100],
            memory: .address(.init(start)))
        ], modelType: nil)
    }
    #expect(error?.kind == .usage)
  }
}
