import Foundation
import TestSupport
import Testing

@testable import gradiend_patch_bench

@Suite struct FloorsTests {
  private let folder: TemporaryDirectory

  init() throws {
    folder = try TemporaryDirectory()
  }

  @Test func `equal models have no entropy`() throws {
    let floors = try measure([0x3F80, 0x3F81, 0xBF80], [0x3F80, 0x3F81, 0xBF80])
    #expect(floors.elementCount == 3)
    #expect(floors.changedCount == 0)
    #expect(floors.deltas == 0 && floors.strip == 0 && floors.sumWithLevels == 0)
    #expect(floors.boundWithLevels == 25_000)
  }

  @Test func `one change among four of an exponent costs the entropy of a quarter`() throws {
    let floors = try measure([0x3F80, 0x3F81, 0x3F82, 0x3F83], [0x3F80, 0x3F81, 0x3F85, 0x3F83])
    let quarter = (log2(4) + 3 * log2(4.0 / 3)) / 8
    #expect(floors.changedCount == 1)
    #expect(abs(floors.deltas - quarter) < 1e-12)
    #expect(abs(floors.flags - quarter) < 1e-12)
    // One symbol alone is no surprise; a vector's sign is always a bit.
    #expect(floors.levelValues == 0)
    #expect(floors.signs == 0.125)
    #expect(floors.strip == 0)
  }

  @Test func `deltas of an exponent that always changes alike cost nothing`() throws {
    let floors = try measure([0x3F80, 0x3F81, 0x4000, 0x4001], [0x3F81, 0x3F82, 0x4000, 0x4001])
    #expect(floors.changedCount == 2)
    #expect(floors.deltas == 0)
    #expect(floors.flags == 0)
  }

  @Test func `a zero that changes its sign is a crossing and no change`() throws {
    let floors = try measure([0x0000, 0x0000, 0x0001, 0x8001], [0x8000, 0x0000, 0x0001, 0x8001])
    #expect(floors.changedCount == 0)
    #expect(floors.deltas == 0)
    // Four results of exponent 0, one of which had the other sign.
    #expect(abs(floors.strip - (log2(4) + 3 * log2(4.0 / 3)) / 8) < 1e-12)
  }

  @Test func `what strip needs is the base's exponent where the result's does not tell it`() throws
  {
    // Both results have the exponent of 2; one base had it, too, and the other that of 1.
    let floors = try measure([0x3FFF, 0x4001], [0x4000, 0x4001])
    #expect(abs(floors.strip - 2.0 / 8) < 1e-12)
  }

  @Test func `F16 has its exponent in five bits`() throws {
    let floors = try measure(
      [0x3C00, 0x3C01, 0x4000, 0x4001], [0x3C01, 0x3C02, 0x4000, 0x4001], "F16")
    #expect(floors.changedCount == 2)
    #expect(floors.deltas == 0)
  }

  @Test func `F32 costs the bit length of the delta, and its other bits and sign`() throws {
    // Lengths 0 and 3 under one exponent: a bit each to say which, and 3 raw bits for the second.
    let floors = try measure32([1, 1], [1, Float(bitPattern: Float(1).bitPattern + 5)])
    #expect(floors.float32Count == 2)
    #expect(abs(floors.float32 - (2 + 3) / 8.0) < 1e-12)
    #expect(floors.elementCount == 0)
  }

  @Test(arguments: [1, 2, 5]) func `threads do not matter`(threadCount: Int) throws {
    var generator = SeededGenerator(seed: 7)
    var (base, result) = (SafetensorsBuilder(), SafetensorsBuilder())
    for tensor in 0..<9 {
      let bits = (0..<600).map { _ in UInt16.random(in: 0x3C00...0x3F00, using: &generator) }
      let others = bits.map { Bool.random(using: &generator) ? $0 : $0 + 1 }
      base.add("t\(tensor)", "BF16", [20, 30], SafetensorsBuilder.littleEndian(bits))
      result.add("t\(tensor)", "BF16", [20, 30], SafetensorsBuilder.littleEndian(others))
    }
    let measurement = try FloorsMeasurement(
      base: folder.write(base.bytes, to: "b"), result: folder.write(result.bytes, to: "r"))
    let (alone, together) = (
      measurement.run(threadCount: 1), measurement.run(threadCount: threadCount)
    )
    #expect(alone.elementCount == 5400)
    #expect(alone.changedCount == together.changedCount)
    #expect(abs(alone.deltas - together.deltas) < 1e-9)
    #expect(abs(alone.sumWithLevels - together.sumWithLevels) < 1e-9)
  }

  @Test func `other tensors are an error that names one`() throws {
    let base = try write("b", "BF16", [2, 2])
    let result = try write("r", "F16", [2, 2])
    let error = #expect(throws: BenchError.self) {
      try FloorsMeasurement(base: base, result: result)
    }
    #expect(error?.description == "tensor 't' is not the same in base and result")
  }

  @Test func `the JSON form gives whole bytes back`() throws {
    let floors = try measure([0x3F80, 0x3F81, 0x3F82, 0x3F83], [0x3F80, 0x3F81, 0x3F85, 0x3F83])
    let copy = try Floors(.object(floors.members))
    #expect(copy.elementCount == 4 && copy.changedCount == 1)
    #expect(copy.deltas == floors.deltas.rounded())
    #expect(throws: BenchError.self) { try Floors(.object([])) }
  }

  // MARK: Pairs

  private func measure(
    _ base: [UInt16], _ result: [UInt16], _ type: String = "BF16"
  ) throws -> Floors {
    try FloorsMeasurement(
      base: write("b", type, base), result: write("r", type, result)
    ).run(threadCount: 1)
  }

  private func measure32(_ base: [Float], _ result: [Float]) throws -> Floors {
    try FloorsMeasurement(
      base: write("b", "F32", base.map(\.bitPattern)),
      result: write("r", "F32", result.map(\.bitPattern))
    ).run(threadCount: 1)
  }

  private func write<T: FixedWidthInteger>(
    _ name: String, _ type: String, _ values: [T]
  ) throws -> String {
    var builder = SafetensorsBuilder()
    builder.add("t", type, [values.count], SafetensorsBuilder.littleEndian(values))
    return try folder.write(builder.bytes, to: name)
  }

  private func write(_ name: String, _ type: String, _ values: [Int]) throws -> String {
    try write(name, type, values.map { UInt16($0) })
  }
}
