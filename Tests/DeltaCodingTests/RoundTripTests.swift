import DeltaCoding
import Testing

@Suite struct RoundTripTests {
  static let shapes = [
    (0, 0), (0, 5), (1, 0), (1, 1), (1, 3), (70, 1), (1, 1500), (2, 333), (36, 50),
  ]

  private func expectRoundTrip(
    _ sample: Sample, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let chunk = sample.encoded()
    let (applied, stripped) = try sample.decoded(chunk.bytes)
    #expect(applied == sample.result, sourceLocation: sourceLocation)
    #expect(stripped == sample.base, sourceLocation: sourceLocation)
    #expect(chunk.bytes.isEmpty == (sample.base == sample.result), sourceLocation: sourceLocation)
  }

  @Test(arguments: FloatFormat.all, shapes)
  func `outer products of every strength come back both ways`(
    format: FloatFormat, shape: (Int, Int)
  ) throws {
    for (index, scale) in [0, 1e-5, 1e-3, 1e-1, 1e3].enumerated() {
      try expectRoundTrip(
        .outerProduct(
          format, rows: shape.0, columns: shape.1, scale: scale, seed: UInt64(index + 1)))
    }
  }

  @Test(arguments: FloatFormat.all, shapes)
  func `bits of any kind come back both ways, however many of them change`(
    format: FloatFormat, shape: (Int, Int)
  ) throws {
    for rate: UInt64 in [1, 3, 20, 300] {
      try expectRoundTrip(
        .anyBits(format, rows: shape.0, columns: shape.1, oneIn: rate, seed: rate))
    }
  }

  @Test(arguments: FloatFormat.all)
  func `special values turn into each other and back`(format: FloatFormat) throws {
    let width = UInt32(format.byteWidth * 8)
    let sign: UInt32 = 1 << (width - 1)
    let mantissa: UInt32 = 1 << UInt32(format.mantissaBitCount)
    let infinity = (sign - 1) & ~(mantissa - 1)
    let magnitudes = [
      0, 1, mantissa - 1, mantissa, mantissa + 1, infinity - 1, infinity, infinity + 1, sign - 1,
      infinity / 2,
    ]
    let values = magnitudes + magnitudes.map { $0 | sign }
    var everyPair = Sample(format, rows: values.count, columns: values.count)
    for before in values {
      for after in values { everyPair.append(before, after) }
    }
    try expectRoundTrip(everyPair)
    // The same pairs, but far between, so that they are coded one by one.
    var sparse = Sample(format, rows: 100, columns: 50)
    for index in 0..<5000 {
      let before = values[index % 7 == 0 ? index / 7 % values.count : 3]
      sparse.append(before, index % 50 == 0 ? values[index / 50 % values.count] : before)
    }
    try expectRoundTrip(sparse)
  }

  @Test(arguments: FloatFormat.all, [1e-4, 1e-1])
  func `elements may lie at any byte`(format: FloatFormat, scale: Double) throws {
    let sample = Sample.outerProduct(format, rows: 20, columns: 30, scale: scale, seed: 8)
    let coder = ChunkCoder(sample.shape)
    for offset in 1..<8 {
      let base = [UInt8](repeating: 0, count: offset) + sample.base
      let result = [UInt8](repeating: 0, count: offset) + sample.result
      let range = offset..<base.count
      let chunk = coder.encode(
        base: base.span.bytes.extracting(range), result: result.span.bytes.extracting(range))
      #expect(chunk == sample.encoded())
      var output = [UInt8](repeating: 0, count: sample.base.count)
      var span = output.mutableSpan
      var bytes = span.mutableBytes
      try coder.apply(
        chunk.bytes.span.bytes, to: base.span.bytes.extracting(range), into: &bytes)
      #expect(output == sample.result)
      span = output.mutableSpan
      bytes = span.mutableBytes
      try coder.strip(
        chunk.bytes.span.bytes, from: result.span.bytes.extracting(range), into: &bytes)
      #expect(output == sample.base)
    }
  }

  @Test(arguments: FloatFormat.all)
  func `an unrelated result costs at most two hundredths more than its raw bytes`(
    format: FloatFormat
  ) {
    let sample = Sample.anyBits(format, rows: 50, columns: 200, oneIn: 1, seed: 5)
    #expect(sample.encoded().bytes.count <= sample.result.count * 102 / 100)
  }

  @Test func `encoding the same twice gives the same bytes`() {
    let sample = Sample.outerProduct(.bfloat16, rows: 90, columns: 200, scale: 1e-4, seed: 9)
    #expect(sample.encoded() == sample.encoded())
  }

  @Test(arguments: FloatFormat.all)
  func `the parts of a chunk add up to its bytes`(format: FloatFormat) throws {
    for scale in [1e-5, 1e-3, 1] {
      let sample = Sample.outerProduct(format, rows: 80, columns: 100, scale: scale, seed: 3)
      let chunk = sample.encoded().bytes
      let summary = try ChunkCoder(sample.shape).summary(of: chunk.span.bytes)
      #expect(
        summary.header + summary.positions + summary.values + summary.strip == chunk.count)
    }
  }

  @Test func `the bytes of known updates do not grow`() {
    let expected: [(FloatFormat, Double, Int)] = [
      (.bfloat16, 1e-4, 3633), (.bfloat16, 1e-3, 7027), (.float16, 1e-5, 1282),
      (.float32, 1e-4, 26_020),
    ]
    for (format, scale, byteCount) in expected {
      let sample = Sample.outerProduct(format, rows: 96, columns: 128, scale: scale, seed: 77)
      #expect(sample.encoded().bytes.count <= byteCount, "\(format) \(scale)")
    }
  }
}
