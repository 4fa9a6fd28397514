import ByteIO
import Checkpoints
import Gradiend
import TestSupport
import Testing

/// Updates of parameters longer than a block, which the reference data lacks.
@Suite struct TensorUpdateTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// The columns make every block end within a row.
  static let shape = [89, 67]
  static let elementCount = 89 * 67

  enum Kind: CaseIterable {
    case all, mask, indices, unsortedIndices, nothing

    /// The selected elements in the order of their entries.
    var elements: [Int] {
      let all = Array(0..<elementCount)
      var generator = SeededGenerator(seed: 5)
      return switch self {
      case .all: all
      case .mask: all.filter { $0 % 3 != 1 && !(1500..<4200).contains($0) }
      case .indices: all.filter { $0 % 7 == 2 }
      case .unsortedIndices: all.filter { $0 % 5 == 4 }.shuffled(using: &generator)
      case .nothing: []
      }
    }

    var selection: GradiendBuilder.Selection {
      switch self {
      case .all: .all
      case .mask:
        .mask(
          elements.reduce(into: Array(repeating: 0, count: elementCount)) {
            $0[$1] = UInt8($1 % 255 + 1)
          })
      case .indices, .unsortedIndices, .nothing: .indices(elements)
      }
    }
  }

  @Test(arguments: Kind.allCases, [1, 3])
  func `each element gets the entry that its selection gives it`(
    kind: Kind, latentCount: Int
  ) throws {
    let (update, gradiend) = try update(kind, latentCount: latentCount)
    let weight = try gradiend.floats("decoder.0.linear.weight")
    let bias = try gradiend.floats("decoder.0.linear.bias")
    var expected = [Double](repeating: 0, count: Self.elementCount)
    for (element, entry) in zip(kind.elements, update.terms[0].coverage.entries) {
      let products = (0..<latentCount).map {
        Double(weight[entry * latentCount + $0]) * Double(Self.factors[$0])
      }
      expected[element] = -0.5 * (products.reduce(0, +) + Double(bias[entry]))
    }
    let zeros = [UInt8](repeating: 0, count: 4 * Self.elementCount)
    let found = Floats(
      update.patched(zeros, elementCount: Self.elementCount), type: .float32
    ).values
    let wrong = found.indices.filter { abs(Double(found[$0]) - expected[$0]) > 1e-6 }
    #expect(wrong.isEmpty)
  }

  @Test(arguments: Kind.allCases, [1, 3])
  func `pieces of any length add up to the whole`(kind: Kind, latentCount: Int) throws {
    let (update, _) = try update(kind, latentCount: latentCount)
    var generator = SeededGenerator(seed: 9)
    let base = (0..<4 * Self.elementCount).map { _ in UInt8.random(in: 0...255, using: &generator) }
    let whole = update.patched(base, elementCount: Self.elementCount)
    for stride in [4097, 1000] {
      #expect(update.patched(base, elementCount: Self.elementCount, stride: stride) == whole)
    }
  }

  @Test(arguments: [(0.5, false), (0, false), (-0.5, true), (-0.0, true)] as [(Float, Bool)])
  func `a negative zero that is not selected stays only if the rate is negative`(
    learningRate: Float, stays: Bool
  ) throws {
    let (update, _) = try update(.nothing, latentCount: 1, learningRate: learningRate)
    let minusZeros = Array(repeating: [0, 0, 0, 0x80] as [UInt8], count: Self.elementCount)
    let found = Floats(
      update.patched(minusZeros.flatMap { $0 }, elementCount: Self.elementCount), type: .float32)
    #expect(found.bits.allSatisfy { $0 == (stays ? 0x8000_0000 : 0) })
  }

  @Test(arguments: ElementType.allCases)
  func `only float32, float16 and bfloat16 elements can be added to`(type: ElementType) throws {
    let (update, _) = try update(.all, latentCount: 1)
    let isAccepted = TensorUpdate(update.terms, type: type) != nil
    #expect(isAccepted == [.float32, .float16, .bfloat16].contains(type))
  }

  @Test func `a GRADIEND without a bias adds none`() throws {
    var builder = GradiendBuilder([.init("w", [5])])
    builder.hasBias = false
    let gradiend = try GradiendCheckpoint(path: builder.write(to: folder, as: "nobias"))
    let coverages = try #require(gradiend.coverages)
    let weight = try gradiend.floats("decoder.0.linear.weight")
    let expected: [(part: UpdatePart, values: [Float])] = [
      (.decoder, weight.map { $0 * 2 }), (.decoderWeight, weight), (.decoderSum, weight),
      (.decoderBias, [0, 0, 0, 0, 0]),
      (.encoderWeight, try gradiend.floats("encoder.0.linear.weight")),
    ]
    for (part, values) in expected {
      let output = DecoderOutput(gradiend, part: part, featureFactors: [2], learningRate: 1)
      let update = try #require(TensorUpdate(output, coverages[0], type: .float32))
      let found = update.patched([UInt8](repeating: 0, count: 20), elementCount: 5)
      #expect(Floats(found, type: .float32).values == values)
    }
  }

  @Test func `pieces far into a mask find their entries`() throws {
    let mask = (0..<140_000).map { $0 % 5 == 0 ? 1 : 0 as UInt8 }
    var builder = GradiendBuilder([.init("w", [140_000], .mask(mask))])
    builder.hasBias = false
    let gradiend = try GradiendCheckpoint(path: builder.write(to: folder, as: "long"))
    let coverages = try #require(gradiend.coverages)
    let weight = try gradiend.floats("decoder.0.linear.weight")
    let output = DecoderOutput(gradiend, part: .decoder, featureFactors: [1], learningRate: 1)
    let update = try #require(TensorUpdate(output, coverages[0], type: .float32))
    for first in [0, 65_535, 65_536, 65_540, 131_072, 139_990] {
      let base = [UInt8](repeating: 0, count: 40)
      var result = base
      result.withMutableRawSpan { update.add(fromElement: first, to: base.rawSpan, into: &$0) }
      let expected = (first..<first + 10).map { $0 % 5 == 0 ? weight[$0 / 5] : 0 }
      #expect(Floats(result, type: .float32).values == expected)
    }
  }

  @Test func `the example of the format page gives its result`() throws {
    var weights = SafetensorsBuilder()
    weights.add("encoder.0.linear.weight", shape: [1, 6], floats: [0, 0, 0, 0, 0, 0])
    weights.add("decoder.0.linear.weight", shape: [6, 1], floats: [1, 2, 3, -4, 5, 6])
    weights.add("decoder.0.linear.bias", shape: [6], floats: [0, 0, 0, 0, 1, -8])
    var indices = SafetensorsBuilder()
    indices.add("L1", "I32", [2], [3, 0, 0, 0, 0, 0, 0, 0])
    try folder.write(weights.bytes, to: "g/model.safetensors")
    try folder.write(indices.bytes, to: "g/mapping_indices.safetensors")
    try folder.write(
      try Fixtures.example("json", in: "gradiend-checkpoint.md"), to: "g/config.json")
    let gradiend = try GradiendCheckpoint(path: folder.path("g"))
    let output = DecoderOutput(gradiend, part: .decoder, featureFactors: [2], learningRate: 0.5)
    let results = try #require(gradiend.coverages).map { coverage in
      let update = try #require(TensorUpdate(output, coverage, type: .float32))
      let patched = update.patched([UInt8](repeating: 0, count: 16), elementCount: 4)
      return Floats(patched, type: .float32).values
    }
    #expect(results == [[1, 2, 3, 0], [2, 0, 0, 5.5]])
  }

  static let factors: [Float] = [0.7, -1.3, 0.2]

  /// The update of a parameter that follows another one.
  private func update(
    _ kind: Kind, latentCount: Int, learningRate: Float = -0.5
  ) throws -> (TensorUpdate, GradiendCheckpoint) {
    var builder = GradiendBuilder(
      [.init("first", [3]), .init("second", Self.shape, kind.selection)], latentCount: latentCount)
    let gradiend = try GradiendCheckpoint(path: builder.write(to: folder, as: "gradiend"))
    let coverages = try #require(gradiend.coverages)
    let output = DecoderOutput(
      gradiend, part: .decoder, featureFactors: Array(Self.factors.prefix(latentCount)),
      learningRate: learningRate)
    let update = try #require(TensorUpdate(output, coverages[1], type: .float32))
    return (update, gradiend)
  }
}
