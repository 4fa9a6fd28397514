import ByteIO
import DeltaCoding
import Testing

@Suite struct DamageTests {
  static let samples: [Sample] = [
    .outerProduct(.bfloat16, rows: 30, columns: 40, scale: 1e-4, seed: 1),
    .outerProduct(.float16, rows: 100, columns: 4, scale: 1e-3, seed: 2),
    .outerProduct(.float32, rows: 20, columns: 30, scale: 1e-4, seed: 3),
    .outerProduct(.float32, rows: 60, columns: 11, scale: 1e-9, seed: 4),
    .anyBits(.bfloat16, rows: 9, columns: 100, oneIn: 40, seed: 5),
    .anyBits(.float32, rows: 9, columns: 30, oneIn: 1, seed: 6),
    .outerProduct(.float8E4M3, rows: 40, columns: 30, scale: 1e-3, seed: 7),
    .anyBits(.float8E5M2, rows: 20, columns: 50, oneIn: 9, seed: 8),
  ]

  /// First bytes of chunks: codings, with and without optional fields.
  private static let firstBytes: [UInt8] = [0, 6, 0x36, 0xF6, 2, 0x62, 3, 5, 0x15]

  /// An error that names a place inside the chunk, or any output at all.
  private func expectNoTrap(_ sample: Sample, _ chunk: [UInt8]) throws {
    do {
      _ = try sample.decoded(chunk)
    } catch let error as FormatError {
      #expect(error.offset >= 0 && error.offset <= chunk.count)
    }
  }

  @Test(arguments: samples.indices)
  func `every truncation is an error or an output`(index: Int) throws {
    let sample = Self.samples[index]
    let chunk = sample.encoded().bytes
    // All of the header, and then every few bytes of the streams.
    let step = max(1, chunk.count / 30)
    let lengths = Array(0..<min(chunk.count, 32)) + stride(from: 32, to: chunk.count, by: step)
    for length in lengths { try expectNoTrap(sample, Array(chunk.prefix(length))) }
  }

  @Test(arguments: samples.indices)
  func `mutations are errors or outputs`(index: Int) throws {
    let sample = Self.samples[index]
    let chunk = sample.encoded().bytes
    var generator = SeededGenerator(UInt64(index) + 100)
    for _ in 0..<80 {
      var damaged = chunk
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        // Headers are short, so half of the damage goes to the front.
        let end = Bool.random(using: &generator) ? min(40, damaged.count) : damaged.count
        damaged[Int.random(in: 0..<end, using: &generator)] = .random(
          in: 0...255, using: &generator)
      }
      try expectNoTrap(sample, damaged)
    }
  }

  @Test func `bytes of any kind are errors or outputs`() throws {
    var generator = SeededGenerator(11)
    for round in 0..<400 {
      let sample = Self.samples[round % Self.samples.count]
      var chunk = (0..<Int.random(in: 1...90, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      chunk[0] = Self.firstBytes[round / Self.samples.count % Self.firstBytes.count]
      // Small counts, so that what follows them is read as well.
      for index in 1..<min(9, chunk.count) { chunk[index] &= 31 }
      try expectNoTrap(sample, chunk)
    }
  }

  @Test
  func `a distance without an end takes no time`() throws {
    var sample = Sample(.bfloat16, rows: 1, columns: 1)
    sample.append(0x3F80, 0x3F81)
    // One change among unlikely elements, and streams of zeros: all gaps are beyond.
    let chunk: [UInt8] = [0x06, 1, 0, 0]
    let duration = try ContinuousClock().measure {
      for _ in 0..<2 { _ = try sample.decoded(chunk) }
    }
    #expect(duration < .seconds(10))
  }

  @Test
  func `changes of which no gap tells take no time`() throws {
    var sample = Sample(.bfloat16, rows: 1, columns: 40_000)
    for index in 0..<40_000 { sample.append(0x3200 + UInt32(index % 128), 0x3200) }
    // One open exponent, all flags say "changes", into exponents that weigh nothing, and all gaps are beyond.
    let chunk: [UInt8] = [
      0x86, 0xBF, 0xB8, 0x02, 1, 0, 0, 0, 0x64, 0, 0x8C, 0, 2, 0xE4, 0x5F, 0x9B, 0x73, 0xFF, 0xE8,
      0xD8,
    ]
    let duration = try ContinuousClock().measure { _ = try sample.decoded(chunk) }
    #expect(duration < .seconds(10))
  }

  @Test(arguments: Coding.allCases.map(\.rawValue))
  func `a chunk longer than its elements need is refused whatever it holds`(coding: UInt8) throws {
    let sample = Self.samples[0]
    let byteCount = sample.base.count
    let limit = byteCount + byteCount / 8 + 1024
    let chunk = [coding] + Array(repeating: 0, count: limit)
    let error = FormatError.limitExceeded(
      "a chunk of \(limit + 1) bytes for elements of \(byteCount)", at: 0)
    #expect(throws: error) { try sample.decoded(chunk) }
    #expect(throws: error) { try ChunkCoder(sample.shape).summary(of: chunk.rawSpan) }
    do {
      _ = try sample.decoded(Array(chunk.dropLast()))
    } catch let error as FormatError {
      if case .limitExceeded = error.reason { Issue.record(error) }
    }
  }

  @Test func `an unknown coding is an error at the first byte`() throws {
    let sample = Self.samples[0]
    #expect(throws: FormatError.unsupported("coding 200 is unknown to this version", at: 0)) {
      try sample.decoded([200, 1, 2])
    }
  }

  @Test func `optional fields that a coding does not have are an error at the first byte`() throws {
    #expect(throws: FormatError.unsupported("coding 18 is unknown to this version", at: 0)) {
      try Self.samples[0].decoded([18, 1, 2])
    }
  }

  @Test(arguments: [0x01, 0x21, 0x71, 0x04] as [UInt8])
  func `codings of development versions are refused by name`(byte: UInt8) throws {
    let error = FormatError.unsupported(
      "coding \(byte & 15) is that of a development version from before the release of the format; make the "
        + "patch again with this version", at: 0)
    #expect(throws: error) { try Self.samples[0].decoded([byte, 1, 2]) }
  }
}
