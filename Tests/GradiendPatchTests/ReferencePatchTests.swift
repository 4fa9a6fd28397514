import PatchTestSupport
import ByteIO
import Checkpoints
import DeltaCoding
import GradiendPatch
import TestSupport
import Testing

/// The reference data, from base to patch to result to base.
///
/// `GradiendTests` compares the arithmetic with a tight tolerance; here it is the whole way.
@Suite struct ReferencePatchTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  static func cases(sound: Bool) throws -> [ReferenceData.Case] {
    try ReferenceData.cases().filter { $0.isSound == sound }
  }

  @Test(arguments: try cases(sound: true))
  func `a patch gives what the reference saved, and the base back`(
    reference: ReferenceData.Case
  ) throws {
    try create(reference)
    let base = try ReferenceData.path(reference.base)
    _ = try patching(.apply, base, "result").run()
    _ = try patching(.strip, bench.path("result"), "stripped").run()

    let oracle = try Checkpoint(path: ReferenceData.oracle(reference.name))
    let result = try Checkpoint(path: bench.path("result"))
    #expect(result.files.map(\.name) == oracle.files.map(\.name))
    #expect(result.tensors.map(\.name).sorted() == oracle.tensors.map(\.name).sorted())
    let before = try Checkpoint(path: base)
    let isExact = try isExact(reference)
    for tensor in oracle.tensors {
      let (found, expected) = (
        Values(result, try #require(result[tensor.name])), Values(oracle, tensor)
      )
      guard found.bytes != expected.bytes else { continue }
      let start = Values(before, try #require(before[tensor.name]))
      let isFar = found.floats.indices.contains {
        !found.floats[$0].isNear(expected.floats[$0], from: start.floats[$0], isExact: isExact)
      }
      #expect(!isFar, "\(tensor.name)")
    }
    for file in before.files {
      #expect(
        try bench.bytes("stripped/" + file.name) == file.mapped.bytes.array, "\(file.name)")
    }
  }

  /// These the documented arithmetic can do, though the reference cannot.
  static let decodable = ["err-gbf16-decoder", "err-gf16-decoder", "odd-unsorted-many"]

  @Test(arguments: try cases(sound: false).filter { !decodable.contains($0.name) })
  func `a flawed case is refused and leaves nothing behind`(
    reference: ReferenceData.Case
  ) throws {
    let isArgument = reference.name.hasPrefix("err-latent2-")
    try bench.refusal(isArgument ? .usage : .badInput) { () throws(PatchError) in
      try create(reference)
    }
  }

  @Test(arguments: decodable)
  func `a case that only the reference cannot do gives a patch`(name: String) throws {
    try create(ReferenceData.named(name))
    #expect(try bench.folder.names() == ["patch"])
  }

  // MARK: Parts

  private func create(_ reference: ReferenceData.Case) throws(PatchError) {
    let parts: [GradiendPart] = [
      .decoder, .decoderWeight, .decoderBias, .decoderSum, .encoderWeight,
    ]
    guard let base = try? ReferenceData.path(reference.base),
      let gradiend = try? ReferenceData.path(reference.gradiend),
      let part = parts.first(where: { $0.name == reference.part })
    else {
      Issue.record("no such case")
      return
    }
    var creation = Create(
      base: base, gradiend: gradiend, output: bench.path("patch"),
      featureFactors: part == .decoder ? reference.featureFactors.map { Float($0) } : [],
      learningRate: Float(reference.learningRate))
    creation.part = part
    _ = try creation.run()
  }

  private func patching(
    _ direction: Direction, _ input: String, _ output: String
  ) -> Patching {
    Patching(
      direction, checkpoint: input, patch: bench.path("patch"), output: bench.path(output))
  }

  /// Whether the decoder output needs nothing but single products and sums.
  private func isExact(_ reference: ReferenceData.Case) throws -> Bool {
    let path = try ReferenceData.path(reference.gradiend)
    guard let report = try Inspect(path: path).run().gradiend else { return false }
    let isPlain = ["id", "relu", "leakyrelu", "smht"].contains(report.activation)
    return reference.part != "decoder" || isPlain
  }
}

/// The elements of a tensor: bit patterns, and values where they are single precision.
private struct Values {
  let bytes: [UInt8]
  let floats: [Element]

  init(_ checkpoint: Checkpoint, _ tensor: StoredTensor) {
    let type = tensor.descriptor.elementType
    let bytes = checkpoint.file(of: tensor).bytes.extracting(tensor.descriptor.byteRange).array
    self.bytes = bytes
    let width = type.byteCount(of: []) ?? 1
    floats = stride(from: 0, to: bytes.count, by: width).map { start in
      let bits = (0..<width).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << (8 * $1) }
      return switch type {
      case .bfloat16: Element(value: Float(bitPattern: bits << 16), isWide: false)
      case .float16: Element(value: Float(Float16(bitPattern: UInt16(bits))), isWide: false)
      default: Element(value: Float(bitPattern: bits), isWide: true)
      }
    }
  }
}

/// An element of a result.
private struct Element {
  let value: Float
  let isWide: Bool

  /// Whether this is `expected` to the bit, any NaN being any other; or, in single precision and
  /// unless `isExact`, near it: an update from `base` may be off by a few of its own ulp, by what
  /// the reference's error function is, and by the rounding of the sum.
  func isNear(_ expected: Element, from base: Element, isExact: Bool) -> Bool {
    if value.isNaN && expected.value.isNaN { return true }
    if value.bitPattern == expected.value.bitPattern { return true }
    guard isWide, !isExact else { return false }
    let update = (expected.value - base.value).magnitude
    return (value - expected.value).magnitude <= 8 * update.ulp + 2 * expected.value.ulp + 0x1p-22
  }
}
