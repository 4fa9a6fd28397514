import ByteIO
import Checkpoints
import TestSupport
import Testing

@Suite struct GGUFHeaderTests {
  static func parse(_ file: [UInt8]) throws(FormatError) -> GGUFHeader {
    try GGUFHeader(parsing: file.rawSpan)
  }

  static func refusal(_ file: [UInt8]) -> FormatError? {
    do throws(FormatError) {
      _ = try parse(file)
      return nil
    } catch {
      return error
    }
  }

  static func text(_ error: FormatError?) -> String {
    error.map { "\($0.reason)" } ?? "accepted"
  }

  static var valid: GGUFBuilder {
    var builder = GGUFBuilder()
    builder.add("general.architecture", "llama")
    builder.add("llama.block_count", 2 as UInt32)
    builder.add(
      "tokens", type: 9, [8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0] + [0, 0, 0, 0, 0, 0, 0, 0])
    builder.tensors = [
      .init("a", [3, 2], type: 0, .init(repeating: 1, count: 24)),
      .init("b", [32, 1], type: 8, .init(repeating: 2, count: 34)),
      .init("c", [], type: 30, [3, 3]),
    ]
    return builder
  }

  @Test func `the smallest file has 24 bytes and no tensors`() throws {
    let header = try Self.parse(GGUFBuilder().bytes.dropLast(8).map { $0 })
    #expect(header.tensors.isEmpty && header.metadata.isEmpty && header.alignment == 32)
  }

  @Test(arguments: [2, 3] as [UInt32])
  func `tensors have their shape the other way round, and aligned places`(version: UInt32) throws {
    var builder = Self.valid
    builder.version = version
    let file = builder.bytes
    let header = try Self.parse(file)
    let start = file.count - 128
    #expect(
      header.tensors == [
        .init(name: "a", elementType: .float32, shape: [2, 3], byteRange: start..<start + 24),
        .init(name: "b", elementType: .q8_0, shape: [1, 32], byteRange: start + 32..<start + 66),
        .init(name: "c", elementType: .bfloat16, shape: [], byteRange: start + 96..<start + 98),
      ])
    #expect(header["general.architecture"]?.string == "llama")
    #expect(header["llama.block_count"]?.integer == 2)
    #expect(header["tokens"]?.description == "[]")
    #expect(header["none"] == nil)
  }

  @Test func `a cut file is refused wherever it is cut, unless in its last padding`() {
    let file = Self.valid.bytes
    for length in 0..<file.count - 30 {
      #expect(Self.refusal(Array(file.prefix(length))) != nil, "\(length) bytes")
    }
    for length in file.count - 30...file.count {
      #expect(Self.refusal(Array(file.prefix(length))) == nil, "\(length) bytes")
    }
  }

  @Test func `versions are told apart at byte 4`() {
    func refusal(_ version: UInt32) -> FormatError? {
      var builder = Self.valid
      builder.version = version
      return Self.refusal(builder.bytes)
    }
    for version: UInt32 in [0, 1, 4, 3 << 24, 2 << 24] {
      #expect(refusal(version)?.offset == 4)
    }
    #expect(Self.text(refusal(3 << 24)).contains("big-endian"))
    #expect(Self.text(refusal(1)).contains("version 1"))
  }

  @Test func `an unknown type reaches to the next tensor, a removed one is named`() throws {
    var builder = Self.valid
    builder.tensors[1].type = 99
    let header = try Self.parse(builder.bytes)
    #expect(header.tensors[1].elementType == .opaque)
    #expect(header.tensors[1].shape == [64])
    #expect(header.tensors[2].byteRange.lowerBound == header.tensors[1].byteRange.upperBound)
    builder.tensors[1].type = 31
    #expect(Self.text(Self.refusal(builder.bytes)).contains("Q4_0_4_4, was removed"))
    builder.tensors[1].type = -1
    #expect(Self.text(Self.refusal(builder.bytes)).contains("type -1 is negative"))
  }

  @Test func `what follows the tensors belongs to no tensor`() throws {
    var builder = Self.valid
    builder.trailing = [9, 9, 9]
    let folder = try TemporaryDirectory()
    let path = try folder.write(builder.bytes, to: "model.gguf")
    let file = try #require(try Checkpoint(path: path).files.first)
    let end = builder.bytes.count
    #expect(file.otherByteRanges.count == 4)
    #expect(file.otherByteRanges.last == end - 33..<end)
    let count = file.otherByteRanges.reduce(0) { $0 + $1.count }
    #expect(count + 24 + 34 + 2 == end)
  }

  @Test(arguments: 1...20 as ClosedRange<UInt64>)
  func `a mutated file is read or refused`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let valid = Self.valid.bytes
    for _ in 0..<100 {
      var file = valid
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let index = Int.random(in: 0..<file.count, using: &generator)
        file[index] = [0, 1, 0x7F, 0x80, 0xFF, UInt8.random(in: 0...255, using: &generator)]
          .randomElement(using: &generator)!
      }
      if Bool.random(using: &generator) {
        file.removeLast(Int.random(in: 0..<file.count, using: &generator))
      }
      guard let header = try? Self.parse(file) else { continue }
      #expect(header.tensors.allSatisfy { $0.byteRange.upperBound <= file.count }, "seed \(seed)")
    }
  }
}
