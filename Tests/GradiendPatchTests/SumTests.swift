import Checkpoints
import GradiendPatch
import PatchFormat
import TestSupport
import Testing

/// Patches that add several GRADIENDs at once.
@Suite struct SumTests {
  let bench: Workbench

  /// Covered by all three, by two, by two, by one and by none.
  private static let tensors: [(name: String, type: String, shape: [Int])] = [
    ("a", "BF16", [40, 31]), ("b", "F16", [700]), ("c", "F32", [9, 5, 3]), ("d", "BF16", [4]),
    ("e", "F32", [6]),
  ]
  private static let gradiends: [[GradiendBuilder.Parameter]] = [
    [
      .init("a", [40, 31]), .init("b", [700], .mask((0..<700).map { UInt8($0 % 3 == 0 ? 1 : 0) })),
    ],
    [
      .init("a", [40, 31], .indices(Array(stride(from: 1, to: 1240, by: 7)))),
      .init("c", [9, 5, 3]), .init("d", [4]),
    ],
    [
      .init("c", [9, 5, 3], .indices([4, 3, 130])), .init("b", [700]),
      .init("a", [40, 31], .mask((0..<1240).map { UInt8($0 % 2) })),
    ],
  ]
  private static let factors: [Float] = [-1, 0.5, 2]
  private static let rates: [Float] = [0.01, -0.003, 0.02]

  init() throws {
    bench = try Workbench()
    var base = SafetensorsBuilder()
    var generator = SeededGenerator(seed: 9)
    for (name, type, shape) in Self.tensors {
      let values = (0..<shape.reduce(1, *)).map { _ in Float.random(in: -2...2, using: &generator) }
      base.add(name, type, shape, Self.bytes(values.map { Self.rounded($0, type) }, type))
    }
    try bench.folder.write(base.bytes, to: "base")
    for (number, parameters) in Self.gradiends.enumerated() {
      var builder = GradiendBuilder(parameters, seed: UInt64(number + 1))
      try builder.write(to: bench.folder, as: "gradiend-\(number)")
    }
  }

  // MARK: Arithmetic

  @Test func `what several GRADIENDs add is summed in single precision and rounded once`() throws {
    try create([0, 1, 2], to: "sum")
    try bench.apply("sum", to: "base", as: "result")
    for (name, type, shape) in Self.tensors {
      let before = try values(of: name, type, in: "base")
      var updates = [Float](repeating: 0, count: before.count)
      var isCovered = false
      for number in 0..<3 {
        guard let update = try update(number, of: name, count: shape.reduce(1, *)) else { continue }
        updates = isCovered ? zip(updates, update).map { $0 + $1 } : update
        isCovered = true
      }
      let after = isCovered ? zip(before, updates).map { Self.rounded($0 + $1, type) } : before
      #expect(try bytes(of: name, in: "result") == Self.bytes(after, type), "\(name)")
      #expect((after != before) == isCovered)
    }
    try bench.strip("sum", from: "result", as: "stripped")
    #expect(try bench.bytes("stripped") == bench.bytes("base"))
  }

  @Test func `one after the other, with a rounding each, gives another model`() throws {
    try create([0, 1, 2], to: "sum")
    try bench.apply("sum", to: "base", as: "result")
    var last = "base"
    for number in 0..<3 {
      try create([number], of: last, to: "patch-\(number)")
      try bench.apply("patch-\(number)", to: last, as: "step-\(number)")
      last = "step-\(number)"
    }
    #expect(try bytes(of: "a", in: last) != bytes(of: "a", in: "result"))
    // Covered by one, which is rounded once either way.
    #expect(try bytes(of: "d", in: last) == bytes(of: "d", in: "result"))
  }

  @Test func `of two GRADIENDs the order does not matter, nor how many threads work`() throws {
    try create([0, 2], to: "forwards", threads: 1)
    try create([2, 0], to: "backwards", threads: 3)
    try create([0, 2], to: "again", threads: 3)
    #expect(try bench.bytes("forwards") == bench.bytes("again"))
    try bench.apply("forwards", to: "base", as: "one")
    try bench.apply("backwards", to: "base", as: "other")
    #expect(try bench.bytes("one") == bench.bytes("other"))
  }

  @Test func `in a sum, a layer that the older layout lists twice is not rounded in between`()
    throws
  {
    var builder = OlderGradiendBuilder([.init("a", [40, 31]), .init("a", [40, 31])])
    let (path, weights, biases) = try builder.write(to: bench.folder, as: "older")
    var creation = Create(
      base: bench.path("base"),
      adding: [
        summand(1),
        Create.Summand(
          gradiend: path, featureFactors: [0.5], learningRate: 0.1),
      ], output: bench.path("patch"))
    creation.threadCount = 1
    _ = try creation.run()
    try bench.apply("patch", to: "base", as: "result")
    let first = try #require(try update(1, of: "a", count: 1240))
    let each = zip(weights, biases).map { ($0 * Float(0.5) + $1) * Float(0.1) }
    let expected = try values(of: "a", "BF16", in: "base").enumerated().map { index, value in
      Self.rounded(value + (first[index] + each[index] + each[1240 + index]), "BF16")
    }
    #expect(try bytes(of: "a", in: "result") == Self.bytes(expected, "BF16"))
  }

  @Test(arguments: [("llama-bf16", "F32", "llama"), ("gpt2-f32", "F32", "gpt2")])
  func `a sum on a GGUF is that of the checkpoint, converted`(
    name: String, type: String, model: String
  ) throws {
    let summands = try ["all-l1-id", "mask-l1-tanh"].map { kind in
      Create.Summand(
        gradiend: try ReferenceData.path("gradiends/\(model)-\(kind)"), featureFactors: [-1],
        learningRate: 0.05)
    }
    let base = try ReferenceGGUF.path("pairs/\(name).\(type).gguf")
    for (input, patch) in [(try ReferenceGGUF.path("hf/" + name), "source"), (base, "own")] {
      _ = try Create(base: input, adding: summands, output: bench.path(patch + ".patch")).run()
      _ = try Apply(
        base: base, patch: bench.path(patch + ".patch"), to: .files(bench.path(patch + ".gguf"))
      ).run()
    }
    #expect(try bench.bytes("own.gguf") == bench.bytes("source.gguf"))
  }

  // MARK: What the patch says

  @Test func `the patch tells what was added of each GRADIEND`() throws {
    try create([0, 1, 2], to: "sum")
    let metadata = try PatchFile(path: bench.path("sum")).metadata
    let values = Dictionary(uniqueKeysWithValues: metadata.entries.map { ($0.key, $0.value) })
    #expect(values["feature_factor"] == "-1.0\n0.5\n2.0")
    #expect(values["learning_rate"] == "0.01\n-0.003\n0.02")
    #expect(values["part"] == "decoder")
    let report = try #require(try Inspect(path: bench.path("sum")).run().patch)
    #expect(report.additions.map(\.featureFactors) == ["-1.0", "0.5", "2.0"])
    #expect(Set(report.additions.map(\.digest)).count == 3)
    #expect(report.svg.contains("GRADIEND 2, feature factor 0.5, learning rate -0.003"))
    for number in 0..<3 {
      try create([number], to: "patch-\(number)")
      let alone = try Inspect(path: bench.path("patch-\(number)")).run().patch
      #expect(alone?.additions.map(\.digest) == [report.additions[number].digest])
    }
  }

  @Test func `a picture of many GRADIENDs names five, and how many more there are`() throws {
    let parameter = GradiendBuilder.Parameter("d", [4])
    let summands = try (0..<9).map { number in
      var builder = GradiendBuilder([parameter], seed: UInt64(20 + number))
      let path = try builder.write(to: bench.folder, as: "small-\(number)")
      return Create.Summand(gradiend: path, featureFactors: [1], learningRate: 0.1)
    }
    _ = try Create(base: bench.path("base"), adding: summands, output: bench.path("patch")).run()
    let picture = try #require(try Inspect(path: bench.path("patch")).run().patch).svg
    #expect(picture.contains("GRADIEND 5, feature") && !picture.contains("GRADIEND 6, feature"))
    #expect(picture.contains("and 4 more GRADIENDs"))
  }

  // MARK: Refusals

  @Test func `no GRADIEND at all, and more than a patch takes, are refused`() throws {
    let none = try bench.refusal(.usage) { () throws(PatchError) in try create([], to: "patch") }
    #expect(none.message == "there is no GRADIEND to add")
    let many = try bench.refusal(.usage) { () throws(PatchError) in
      try create(Array(repeating: 0, count: 1000), to: "patch")
    }
    #expect(many.message == "a patch adds at most 64 GRADIENDs, not 1000")
  }

  @Test func `the same GRADIEND twice is refused, under whatever name`() throws {
    for file in ["config.json", "model.safetensors", "masks.safetensors", "indices.safetensors"] {
      try bench.folder.write(bench.bytes("gradiend-0/" + file), to: "copy/" + file)
    }
    var copy = summand(0)
    copy.gradiend = bench.path("copy")
    copy.featureFactors = [1]
    let error = try bench.refusal(.usage) { [copy] () throws(PatchError) in
      _ = try Create(
        base: bench.path("base"), adding: [summand(0), summand(1), copy],
        output: bench.path("patch")
      ).run()
    }
    #expect(
      error.message
        == "this is the same GRADIEND as \(bench.path("gradiend-0")), under whatever name")
    #expect(error.path == bench.path("copy"))
  }

  @Test func `a GRADIEND of another model among good ones is named`() throws {
    var builder = GradiendBuilder([.init("z", [4])])
    try builder.write(to: bench.folder, as: "gradiend-9")
    let error = try bench.refusal(.badInput) { () throws(PatchError) in
      try create([0, 9, 1], to: "patch")
    }
    #expect(error.tensor == "z")
    #expect(error.message.hasSuffix("; the GRADIEND is \(bench.path("gradiend-9"))"))
  }

  // MARK: Parts

  private func summand(_ number: Int) -> Create.Summand {
    Create.Summand(
      gradiend: bench.path("gradiend-\(number)"), featureFactors: [Self.factors[number % 3]],
      learningRate: Self.rates[number % 3])
  }

  private func create(
    _ numbers: [Int], of base: String = "base", to output: String, threads: Int = 0
  ) throws(PatchError) {
    var creation = Create(
      base: bench.path(base), adding: numbers.map { summand($0) }, output: bench.path(output))
    creation.threadCount = threads
    _ = try creation.run()
  }

  /// What a GRADIEND alone adds to a tensor; nil if it does not cover it.
  private func update(_ number: Int, of name: String, count: Int) throws -> [Float]? {
    let parameters = Self.gradiends[number]
    guard let position = parameters.firstIndex(where: { $0.name == name }) else { return nil }
    let model = "gradiend-\(number)/model.safetensors"
    let weights = try values(of: "decoder.0.linear.weight", "F32", in: model)
    let biases = try values(of: "decoder.0.linear.bias", "F32", in: model)
    let (factor, rate) = (Self.factors[number], Self.rates[number])
    let first = parameters[..<position].reduce(0) { $0 + $1.selectedCount }
    let selected: [Int] =
      switch parameters[position].selection {
      case .all: Array(0..<count)
      case .mask(let mask): mask.indices.filter { mask[$0] != 0 }
      case .indices(let indices): indices
      }
    var update = [Float](repeating: rate * 0, count: count)
    for (offset, element) in selected.enumerated() {
      update[element] = (weights[first + offset] * factor + biases[first + offset]) * rate
    }
    return update
  }

  private func bytes(of name: String, in checkpoint: String) throws -> [UInt8] {
    let checkpoint = try Checkpoint(path: bench.path(checkpoint))
    let tensor = try #require(checkpoint[name])
    return checkpoint.bytes(of: tensor, in: 0..<tensor.byteCount)
  }

  private func values(of name: String, _ type: String, in checkpoint: String) throws -> [Float] {
    let bytes = try bytes(of: name, in: checkpoint)
    let width = type == "F32" ? 4 : 2
    return stride(from: 0, to: bytes.count, by: width).map { offset in
      let bits = (0..<width).reduce(UInt32(0)) { $0 | UInt32(bytes[offset + $1]) << (8 * $1) }
      return switch type {
      case "F32": Float(bitPattern: bits)
      case "F16": Float(Float16(bitPattern: UInt16(bits)))
      default: Float(bitPattern: bits << 16)
      }
    }
  }

  private static func rounded(_ value: Float, _ type: String) -> Float {
    switch type {
    case "F32": return value
    case "F16": return Float(Float16(value))
    default:
      let bits = value.bitPattern
      return Float(bitPattern: (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF_0000)
    }
  }

  private static func bytes(_ values: [Float], _ type: String) -> [UInt8] {
    switch type {
    case "F32": SafetensorsBuilder.littleEndian(values.map(\.bitPattern))
    case "F16": SafetensorsBuilder.littleEndian(values.map { Float16($0).bitPattern })
    default: SafetensorsBuilder.littleEndian(values.map { UInt16($0.bitPattern >> 16) })
    }
  }
}
