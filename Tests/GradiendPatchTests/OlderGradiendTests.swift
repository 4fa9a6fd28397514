import ByteIO
import Checkpoints
import GradiendPatch
import TestSupport
import Testing

/// GRADIEND checkpoints of the research code, from base to result.
@Suite struct OlderGradiendTests {
  let bench: Workbench

  init() throws {
    bench = try Workbench()
    var base = SafetensorsBuilder()
    base.add("h.0.w", "BF16", [5, 3], Self.weights)
    base.add("h.0.b", "BF16", [2], [0, 0x3F, 0x80, 0xBF])
    try bench.folder.write(base.bytes, to: "base")
  }

  /// Values of several magnitudes, of which sums are rounded.
  static let weights: [UInt8] = SafetensorsBuilder.littleEndian(
    (0..<15).map { UInt16(0x3C00 + 0x47 * $0) })

  @Test func `a layer that is named twice gets both slices, one after the other`() throws {
    var builder = OlderGradiendBuilder([
      .init("h.0.w", [5, 3]), .init("h.0.b", [2]), .init("h.0.w", [5, 3]),
    ])
    let (_, weights, biases) = try builder.write(to: bench.folder, as: "gradiend")
    let summary = try bench.create("base", "gradiend", to: "patch", factors: [0.5], rate: 0.1)
    #expect(summary.changedTensorCount == 2)
    try bench.apply("patch", to: "base", as: "result")

    let updates = zip(weights, biases).map { ($0 * Float(0.5) + $1) * Float(0.1) }
    let start = (0..<15).map { Float(bitPattern: UInt32(0x3C00 + 0x47 * $0) << 16) }
    let once = zip(start, updates[..<15]).map { rounded($0 + $1) }
    let twice = zip(once, updates[17...]).map { rounded($0 + $1) }
    let together = zip(start, zip(updates[..<15], updates[17...])).map {
      rounded($0 + ($1.0 + $1.1))
    }
    #expect(twice != together, "the case does not tell the two apart")
    #expect(
      try tensor("h.0.w", of: "result")
        == SafetensorsBuilder.littleEndian(twice.map { UInt16($0.bitPattern >> 16) }))
    try bench.strip("patch", from: "result", as: "stripped")
    #expect(try bench.bytes("stripped") == bench.bytes("base"))
  }

  private func rounded(_ value: Float) -> Float {
    let bits = value.bitPattern
    return Float(bitPattern: (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF_0000)
  }

  private func tensor(_ name: String, of checkpoint: String) throws -> [UInt8] {
    let result = try Checkpoint(path: bench.path(checkpoint))
    let tensor = try #require(result[name])
    return result.file(of: tensor).bytes.extracting(tensor.descriptor.byteRange).array
  }

  @Test func `two names of one tensor are refused`() throws {
    var builder = OlderGradiendBuilder([.init("h.0.w", [5, 3]), .init("model.h.0.w", [5, 3])])
    _ = try builder.write(to: bench.folder, as: "gradiend")
    try bench.refusal(.badInput) { () throws(PatchError) in
      try bench.create("base", "gradiend", to: "patch")
    }
  }

  @Test func `a base with another number of elements is refused`() throws {
    var builder = OlderGradiendBuilder([.init("h.0.w", [5, 4])])
    _ = try builder.write(to: bench.folder, as: "gradiend")
    do throws(PatchError) {
      try bench.create("base", "gradiend", to: "patch")
      Issue.record("accepted")
    } catch {
      #expect(error.message == "input_dim is 20, but the base's layers have 15 elements")
    }
  }

  @Test func `a mask of another shape is refused`() throws {
    var builder = OlderGradiendBuilder([
      .init("h.0.w", [3, 5], mask: Array(repeating: 1, count: 15))
    ])
    _ = try builder.write(to: bench.folder, as: "gradiend")
    do throws(PatchError) {
      try bench.create("base", "gradiend", to: "patch")
      Issue.record("accepted")
    } catch {
      #expect(
        error.message
          == "tensor 'h.0.w' has shape [5, 3], but the GRADIEND was trained for [3, 5]")
    }
  }

  @Test func `what is inspected has shapes and numbers where the checkpoint knows them`() throws {
    var whole = OlderGradiendBuilder([.init("h.0.w", [5, 3])])
    var masked = OlderGradiendBuilder([.init("h.0.b", [2], mask: [0, 1])])
    let paths = [
      try whole.write(to: bench.folder, as: "whole").path,
      try masked.write(to: bench.folder, as: "masked").path,
    ]
    var found: [String] = []
    for path in paths {
      guard let report = try Inspect(path: path).run().gradiend else { continue }
      for parameter in report.parameters {
        found.append(
          "\(parameter.name) \(parameter.shape ?? []) \(parameter.selection) "
            + "\(parameter.selectedCount ?? -1)")
      }
    }
    #expect(found == ["h.0.w [] all -1", "h.0.b [2] mask 1"])
  }

  @Test func `an output among the checkpoint's torch files is refused`() throws {
    var builder = OlderGradiendBuilder([.init("h.0.b", [2], mask: [1, 1])])
    _ = try builder.write(to: bench.folder, as: "gradiend")
    for name in ["gradiend/pytorch_model.bin", "gradiend/layers.pth", "gradiend/config.json"] {
      var creation = Create(
        base: bench.path("base"), gradiend: bench.path("gradiend"), output: bench.path(name),
        featureFactors: [1], learningRate: 0.1)
      creation.overwrites = true
      #expect(throws: PatchError.self) { try creation.run() }
    }
  }
}
