import TestSupport
import Testing

@testable import GradiendPatch
@testable import ModelNames
@testable import PatchEngine
@testable import Pictures

/// How tensors are gathered by layer and module, and shaded.
@Suite struct ChangeMapTests {
  @Test(arguments: [
    ("model.layers.12.self_attn.q_proj.weight", "model.layers", 12, "self_attn.q_proj"),
    ("model.layers.0.mlp.experts.17.up_proj.weight", "model.layers", 0, "mlp.experts.*.up_proj"),
    ("h.3.attn.c_attn.bias", "h", 3, "attn.c_attn"),
    ("blk.4.attn_q.weight", "blk", 4, "attn_q"),
    ("bert.encoder.layer.1.output.LayerNorm.weight", "bert.encoder.layer", 1, "output.LayerNorm"),
    (
      "encoder.block.2.layer.0.SelfAttention.q.weight", "encoder.block", 2,
      "layer.0.SelfAttention.q"
    ),
    ("lm_head.weight", "", nil, "lm_head"), ("weight", "", nil, "weight"),
    ("layers.7", "layers", 7, "layers.7"), ("a.007.b", "", nil, "a.007.b"),
    ("a.12345678901234567890.b", "", nil, "a.12345678901234567890.b"), ("", "", nil, ""),
  ])
  func `a name tells stack, layer and module`(
    name: String, stack: String, layer: Int?, module: String
  ) {
    let location = TensorLocation(name)
    #expect(location.stack == stack)
    #expect(location.layer == layer)
    #expect(location.module == module)
  }

  @Test func `modules stand in the order in which a layer computes`() {
    let names = ["q", "k", "v", "o"].map { "self_attn.\($0)_proj" }
    let rest = ["mlp.gate_proj", "mlp.up_proj", "mlp.down_proj", "input_layernorm"]
    let ranks = (names + rest).map { TensorLocation("model.layers.0.\($0).weight").rank }
    #expect(ranks == ranks.sorted() && Set(ranks).count == ranks.count)
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func `every tensor is in one cell, and sums are those of all cells`(seed: UInt64) throws {
    let bench = try Workbench()
    let base = RandomModel(seed: seed)
    try bench.write(base, to: "base")
    try bench.write(base.changed(seed: seed + 10), to: "result")
    try bench.diff("base", "result", to: "patch")
    guard let report = try Inspect(path: bench.path("patch")).run().patch else {
      return #expect(Bool(false), "not a patch")
    }
    let map = ChangeMap(report)
    #expect(map.cells.flatMap(\.tensors).map(\.name).sorted() == base.tensors.map(\.name).sorted())
    #expect(map.cells.reduce(0) { $0 + $1.changedCount } == report.changedElementCount)
    #expect(map.stacks.map(\.name) == ["model.layers"] && map.stacks[0].layers == [0, 1])
    for stack in map.stacks {
      #expect(stack.total.changedCount == stack.moduleTotals.reduce(0) { $0 + $1.changedCount })
      #expect(stack.total.elementCount == stack.layerTotals.reduce(0) { $0 + $1.elementCount })
    }
  }

  @Test(arguments: [
    [0.03, 68.6], [1], [1, 1], [1e-12, 1e12], [0.2, 0.3], [1e-300, 1.7e308], [100, 0, .infinity],
  ])
  func `a scale has at most eight steps that hold all values, and larger ones are no paler`(
    values: [Double]
  ) {
    let scale = ColourScale(values)
    let positive = values.filter { $0 > 0 && $0.isFinite }.sorted()
    let edges = scale.edges
    #expect(
      (2...9).contains(edges.count) && edges == edges.sorted() && Set(edges).count == edges.count)
    #expect(edges[0] <= positive[0] && edges[edges.count - 1] >= positive[positive.count - 1])
    let shades = positive.compactMap { scale.shade(of: $0) }
    #expect(shades.count == positive.count && shades == shades.sorted())
    #expect(shades.allSatisfy((0..<ColourScale.shadeCount).contains))
    #expect(scale.shade(of: 0) == nil)
  }

  @Test func `without changes there is nothing to shade`() {
    #expect(ColourScale([0, 0]).edges.isEmpty && ColourScale([]).shade(of: 1) == nil)
  }

  @Test(arguments: [
    (0, "0"), (0.00000312, "3e-4"), (0.0000212, ".002"), (0.000123, "0.01"), (0.0123, "1.2"),
    (0.999, "100"), (1, "100"), (1e9, ">99999"), (.infinity, "∞"), (0.0000000999, "1e-5"),
  ])
  func `a part has room in its cell`(part: Double, text: String) {
    #expect(PartUnit(largest: 1).text(part) == text)
  }
}
