import GradiendPatch
import TestSupport
import Testing

/// Patches whose update errs by a known amount.
@Suite struct BoundedPatchTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  @Test(arguments: [0.25, 0.0625, 0.015625])
  func `a bounded patch keeps to its error, and apply and strip stay exact`(
    maxRelativeError: Double
  ) throws {
    var generator = SeededGenerator(seed: 6)
    let weights = (0..<4000).map { _ in Float.random(in: -0.1...0.1, using: &generator) }
    let updates = weights.map { _ in Float.random(in: -1e-3...1e-3, using: &generator) }
    let updated = zip(weights, updates).map { $0 + $1 }
    try bench.folder.write(Self.model(weights), to: "base")
    try bench.folder.write(Self.model(updated), to: "exact")

    var comparison = Diff(
      base: bench.path("base"), result: bench.path("exact"), output: bench.path("patch"))
    comparison.maxRelativeError = maxRelativeError
    let summary = try comparison.run()
    try bench.apply("patch", to: "base", as: "result")
    try bench.strip("patch", from: "result", as: "stripped")
    #expect(try bench.bytes("stripped") == bench.bytes("base"))

    let found = Self.floats(try bench.bytes("result").suffix(4 * weights.count))
    var (error, update) = (0.0, 0.0)
    for index in weights.indices {
      let exact = Double(updated[index]) - Double(weights[index])
      let off = Double(found[index]) - Double(updated[index])
      error += off * off
      update += exact * exact
    }
    let relativeError = (error / update).squareRoot()
    #expect(relativeError <= maxRelativeError)
    #expect(relativeError > maxRelativeError / 8, "the allowance is used")
    #expect(abs(summary.relativeError - relativeError) < 1e-9)

    guard let report = try Inspect(path: bench.path("patch")).run().patch else {
      Issue.record("not a patch")
      return
    }
    #expect(report.metadata.contains { $0.key == "max_relative_error" })
    #expect(report.metadata.contains { $0.key == "relative_error" })
  }

  private static func model(_ values: [Float]) -> [UInt8] {
    var builder = SafetensorsBuilder()
    builder.add("w", shape: [40, 100], floats: values)
    return builder.bytes
  }

  private static func floats(_ bytes: some Collection<UInt8>) -> [Float] {
    let bytes = Array(bytes)
    return stride(from: 0, to: bytes.count, by: 4).map { offset in
      Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[offset + $1]) << (8 * UInt32($1)) })
    }
  }
}
