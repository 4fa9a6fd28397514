import Live
import PatchEngine
import TestSupport
import Testing

/// Where and how a model holds the tensors of the patch's base.
@Suite struct PlacementTests {
  private typealias Tensor = RandomModel.Tensor

  /// Moves a model there and back that holds `memory` as base and as result.
  private func checkMoves(
    _ bench: LiveBench, _ memory: (base: [RandomModel.Tensor], result: [RandomModel.Tensor]),
    type: String? = nil, ties: [String: String] = [:], unknown: [String] = []
  ) throws {
    let held = LiveMemory(memory.base)
    let live = try bench.live(held.model(type: type, ties: ties))
    #expect(live.unknownNames == unknown && live.missingNames.isEmpty)
    for isChecked in [true, false, true] {
      #expect(try live.move(to: .result, isChecked: isChecked))
      #expect(held.tensors == memory.result)
      #expect(try live.verdict(LiveBench.execution).isResult)
      #expect(try live.move(to: .base, isChecked: isChecked))
      #expect(held.tensors == memory.base)
    }
  }

  // MARK: Types

  @Test(
    arguments: [
      ("BF16", "F32"), ("F32", "BF16"), ("BF16", "F16"), ("F16", "BF16"), ("F16", "F32"),
      ("F32", "F16"), ("F32", "F32"),
    ])
  func `values are patched in another type of floats that has them`(
    file: String, memory: String
  ) throws {
    let pair = Tensor.pair("model.norm.weight", rows: 300, columns: 70, seed: 3)
    let bench = try LiveBench([pair.base.converted(to: file)], [pair.result.converted(to: file)])
    try checkMoves(
      bench, ([pair.base.converted(to: memory)], [pair.result.converted(to: memory)]))
  }

  @Test func `a base whose values the memory's type lacks is refused`() throws {
    let pair = Tensor.pair("weight", rows: 20, columns: 7, seed: 3)
    let (base, result) = (pair.base.converted(to: "F32"), pair.result.converted(to: "F32"))
    var finer = result
    finer.bytes[0] |= 1
    let bench = try LiveBench([base], [finer])
    let memory = LiveMemory([pair.base])
    let live = try bench.live(memory.model())
    let error = #expect(throws: PatchError.self) { try live.move(to: .result) }
    #expect(error?.kind == .mismatch && error?.tensor == "weight")
    #expect(memory.tensors == [pair.base])
  }

  @Test func `a result that the memory's type lacks is refused, and types that have it are named`()
    throws
  {
    let pair = Tensor.pair("weight", rows: 20, columns: 7, seed: 3)
    var result = pair.result
    // 2^-100, of either sign.
    result.bytes[1] = 0x0D
    let bench = try LiveBench([pair.base], [result])
    let memory = LiveMemory([pair.base.converted(to: "F16")])
    let live = try bench.live(memory.model())
    let error = #expect(throws: PatchError.self) { try live.move(to: .result) }
    #expect(error?.kind == .mismatch && error?.remedy == "load the model in F32 or BF16")
    #expect(memory.tensors == [pair.base.converted(to: "F16")])
  }

  @Test func `wide values that narrow ones do not tell are those of neither checkpoint`() throws {
    let pair = Tensor.pair("weight", rows: 20, columns: 7, seed: 3)
    let bench = try LiveBench([pair.base], [pair.result])
    let memory = LiveMemory([pair.base.converted(to: "F32")])
    memory.buffer("weight")[0] = 1
    let verdict = try bench.live(memory.model()).verdict(LiveBench.execution)
    #expect(!verdict.isBase && !verdict.isResult)
    #expect(verdict.differing(from: .base) == ["weight"])
  }

  @Test func `integers in place of floats are refused by name`() throws {
    let pair = Tensor.pair("weight", rows: 20, columns: 7, seed: 3)
    let bench = try LiveBench([pair.base], [pair.result])
    var other = pair.base
    other.type = "I16"
    let error = #expect(throws: PatchError.self) { try bench.live(LiveMemory([other]).model()) }
    #expect(error?.kind == .mismatch && error?.tensor == "weight")
  }

  // MARK: Names

  @Test func `tensors that span many blocks and chunks are patched`() throws {
    let pair = Tensor.pair("model.embed.weight", rows: 5000, columns: 901, seed: 8)
    let bench = try LiveBench([pair.base], [pair.result])
    try checkMoves(bench, ([pair.base], [pair.result]))
  }

  @Test func `names of the files without the prefix of the modules are found`() throws {
    let files = ["wte.weight", "h.0.attn.c_attn.weight", "h.0.attn.c_attn.bias"]
    let pairs = files.enumerated().map { index, name in
      Tensor.pair(name, rows: 30, columns: 11 + index, seed: UInt64(index))
    }
    let bench = try LiveBench(pairs.map(\.base), pairs.map(\.result))
    let inMemory = { "transformer." + $0 }
    try checkMoves(
      bench, (pairs.map(\.base).renamed(inMemory), pairs.map(\.result).renamed(inMemory)),
      ties: ["transformer.wte.weight": "lm_head.weight"])
  }

  /// Experts as a family has them in its files, and stacked as they are in memory.
  @Test(
    arguments: [
      ("mixtral", "block_sparse_moe", ["w1", "w3", "w2"]),
      ("qwen2_moe", "mlp", ["gate_proj", "up_proj", "down_proj"]),
    ])
  func `stacked experts are patched piece by piece`(
    type: String, folder: String, parts: [String]
  ) throws {
    let layer = "model.layers.0."
    let experts = (0..<3).map { expert in
      parts.enumerated().map { part, name in
        Tensor.pair(
          "\(layer)\(folder).experts.\(expert).\(name).weight", rows: part == 2 ? 10 : 6,
          columns: part == 2 ? 6 : 10, seed: UInt64(10 * expert + part))
      }
    }
    let router = Tensor.pair("\(layer)\(folder).gate.weight", rows: 3, columns: 10, seed: 77)
    let files = experts.joined() + [router]
    let bench = try LiveBench(files.map(\.base), files.map(\.result))

    func stacked(_ side: (_ pair: (base: Tensor, result: Tensor)) -> Tensor) -> [Tensor] {
      [
        Tensor(
          name: layer + "mlp.experts.gate_up_proj", type: "BF16", shape: [3, 12, 10],
          bytes: experts.flatMap { side($0[0]).bytes + side($0[1]).bytes }),
        Tensor(
          name: layer + "mlp.experts.down_proj", type: "BF16", shape: [3, 10, 6],
          bytes: experts.flatMap { side($0[2]).bytes }),
      ] + [side(router)].renamed { _ in layer + "mlp.gate.weight" }
    }
    let memory = (base: stacked { $0.base }, result: stacked { $0.result })
    try checkMoves(bench, memory, type: type)
    try checkMoves(
      bench,
      (memory.base.map { $0.converted(to: "F32") }, memory.result.map { $0.converted(to: "F32") }),
      type: type)
  }

  @Test func `a tensor of another shape is refused by name`() throws {
    let bench = try LiveBench()
    var tensors = bench.base
    let index = try #require(tensors.firstIndex { $0.shape.count == 2 && !$0.bytes.isEmpty })
    tensors[index].shape.swapAt(0, 1)
    tensors[index].shape.append(1)
    let error = #expect(throws: PatchError.self) { try bench.live(LiveMemory(tensors).model()) }
    #expect(error?.kind == .mismatch && error?.tensor == tensors[index].name)
  }

  @Test func `a changed tensor that the model lacks is refused, unless that is allowed`() throws {
    let bench = try LiveBench()
    let (gone, _) = try #require(zip(bench.base, bench.result).first { $0 != $1 })
    let memory = LiveMemory(bench.base.filter { $0.name != gone.name })
    let error = #expect(throws: PatchError.self) { try bench.live(memory.model()) }
    #expect(error?.kind == .mismatch && error?.tensor == gone.name)
    let live = try bench.live(memory.model(), allowsMissing: true)
    #expect(live.missingNames == [gone.name])
    #expect(try live.move(to: .result))
    #expect(memory.tensors == bench.result.filter { $0.name != gone.name })
  }

  @Test func `a model that has none of the changed tensors is never allowed`() throws {
    let bench = try LiveBench()
    let kept = zip(bench.base, bench.result).filter { $0 == $1 }.map(\.0)
    #expect(throws: PatchError.self) {
      try bench.live(LiveMemory(kept).model(), allowsMissing: true)
    }
    #expect(throws: PatchError.self) { try bench.live(LiveMemory([]).model(), allowsMissing: true) }
  }

  @Test func `tensors that the base does not know are named and left alone`() throws {
    let bench = try LiveBench()
    let extra = Tensor(name: "rotary.inv_freq", type: "F32", shape: [1], bytes: [1, 2, 3, 4])
    try checkMoves(
      bench, (bench.base + [extra], bench.result + [extra]), unknown: ["rotary.inv_freq"])
  }
}
