import Checkpoints
import Gradiend
import TestSupport
import Testing

/// The cases in which the reference fails, breaks its own rules, or does what no file says.
@Suite struct ReferenceFlawTests {
  /// A case, and why the rewrite does not take place.
  static let refusals: [(name: String, refusal: Rewrite.Refusal)] = [
    // The reference fails as well.
    ("err-latent2-decoder-weight", .part),
    ("err-latent2-encoder-weight", .part),
    ("err-latent2-scalar-ff", .featureFactors),
    ("err-names-ambiguous", .unknownName("mlp.up_proj.weight")),
    ("err-names-unknown", .unknownName("model.layers.7.mlp.up_proj.weight")),
    (
      "err-shape-swapped-mask",
      .gradiend(
        "mapping_masks.safetensors",
        "mask 'L0' is U8 [16, 24], but parameter 'model.layers.0.mlp.down_proj.weight' needs U8 "
          + "[24, 16]")
    ),
    (
      "err-oob-indices",
      .gradiend(
        "mapping_indices.safetensors",
        "indices 'L0' of parameter 'model.layers.0.mlp.down_proj.weight': 384 is not in 0 ..< 384")
    ),
    (
      "err-bad-inputdim",
      .gradiend(
        "model.safetensors",
        "tensor 'encoder.0.linear.weight' has shape [1, 384], but config.json needs [1, 383]")
    ),
    (
      "err-nomapping",
      .gradiend(
        "config.json",
        "'mapping' is missing: the checkpoint does not say which weights it covers")
    ),
    (
      "err-act-uppercase",
      .gradiend(
        "config.json",
        "activation_decoder is 'Tanh', not one of id, relu, leakyrelu, tanh, smht, elu, gelu, "
          + "sigmoid, silu, in lower case")
    ),
    // The reference goes through, but not as anybody could mean it.
    (
      "odd-dup-indices",  // the last value would win, or the first, by the share selected
      .gradiend(
        "mapping_indices.safetensors",
        "indices 'L0' of parameter 'model.layers.0.mlp.down_proj.weight': 5 occurs twice")
    ),
    (
      "odd-neg-indices",  // -1 would be the last element
      .gradiend(
        "mapping_indices.safetensors",
        "indices 'L0' of parameter 'model.layers.0.mlp.down_proj.weight': -1 is not in 0 ..< 384")
    ),
    ("odd-shape-swapped", .shape("model.layers.0.mlp.down_proj.weight")),
    ("odd-shape-swapped-indices", .shape("model.layers.0.mlp.down_proj.weight")),
  ]

  @Test(arguments: refusals)
  func `a flawed case is refused`(name: String, refusal: Rewrite.Refusal) throws {
    let reference = try ReferenceData.named(name)
    #expect(throws: refusal) { try Rewrite(reference) }
  }

  @Test func `unsorted indices keep the stored order however many are selected`() throws {
    let reference = try ReferenceData.named("odd-unsorted-many")
    let rewrite = try Rewrite(reference)
    let (name, coverage) = try #require(rewrite.coverages.first)
    let tensor = try #require(rewrite.base[name])
    let gradiend = rewrite.output.gradiend
    let mapping = try Checkpoint(path: gradiend.path + "/mapping_indices.safetensors")
    let indices = Floats(mapping.bytes(of: try #require(mapping["L0"])), type: .int32).bits
    #expect(indices != indices.sorted())

    let base = rewrite.base.bytes(of: tensor)
    let weight = try gradiend.floats("decoder.0.linear.weight")
    let bias = try gradiend.floats("decoder.0.linear.bias")
    var expected = Floats(base, type: .bfloat16).values.map { $0 + 0 }
    for (entry, index) in zip(coverage.entries, indices) {
      let output = weight[entry] * rewrite.output.featureFactors[0] + bias[entry]
      expected[Int(index)] += rewrite.output.learningRate * output
    }
    let found = Floats(try rewrite.patched(tensor), type: .bfloat16)
    #expect(found.bits == expected.map { UInt32(roundedToBFloat16($0).bitPattern >> 16) })
  }

  /// The reference cannot decode these; the documented arithmetic can.
  @Test(arguments: ["err-gbf16-decoder", "err-gf16-decoder"])
  func `a half-precision GRADIEND is decoded in single precision, its update rounded`(
    name: String
  ) throws {
    let rewrite = try Rewrite(ReferenceData.named(name))
    let gradiend = rewrite.output.gradiend
    let isBFloat16 = gradiend.configuration.elementType == .bfloat16
    #expect(isBFloat16 || gradiend.configuration.elementType == .float16)
    let weight = try gradiend.floats("decoder.0.linear.weight")
    let bias = try gradiend.floats("decoder.0.linear.bias")
    var checked = 0
    for tensor in rewrite.base.tensors {
      guard let coverage = rewrite.coverages[tensor.name], case .all = coverage.selection else {
        continue
      }
      let base = Floats(rewrite.base.bytes(of: tensor), type: .bfloat16).values
      let expected = zip(coverage.entries, base).map { entry, value in
        let update =
          (weight[entry] * rewrite.output.featureFactors[0] + bias[entry])
          * rewrite.output.learningRate
        return value + (isBFloat16 ? roundedToBFloat16(update) : roundedToFloat16(update))
      }
      let found = Floats(try rewrite.patched(tensor), type: .bfloat16)
      #expect(found.bits == expected.map { UInt32(roundedToBFloat16($0).bitPattern >> 16) })
      checked += expected.count
    }
    #expect(checked > 500)
  }

  @Test func `no case is left out`() throws {
    let cases = try ReferenceData.cases()
    let sound = try ReferenceTests.soundCases().map(\.name)
    let others =
      Self.refusals.map(\.name)
      + ["odd-unsorted-many", "err-gbf16-decoder", "err-gf16-decoder"]
    #expect(Set(sound + others) == Set(cases.map(\.name)))
    #expect(sound.count + others.count == 309)
  }
}
