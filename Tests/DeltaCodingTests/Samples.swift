import DeltaCoding

/// A small generator that gives the same numbers on every machine.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state &* 0x2545_F491_4F6C_DD1D
  }

  /// About normal, from sums of integers only.
  mutating func normal() -> Double {
    var sum: Int64 = 0
    for _ in 0..<4 { sum += Int64(next() >> 33) - (1 << 30) }
    return Double(sum) / Double(Int64(1) << 31)
  }
}

extension FloatFormat {
  static let wide: [Self] = [.bfloat16, .float16, .float32]
  static let narrow: [Self] = [.float8E4M3, .float8E5M2]
  static let all = wide + narrow

  /// The bits nearest to `value`, cut toward zero for types that no processor here rounds to. Those of
  /// 8 bits stand for a 64th, as if they had a scale.
  func bits(_ value: Double) -> UInt32 {
    switch self {
    case .bfloat16: Float(value).bitPattern >> 16
    case .float16: UInt32(Float16(value).bitPattern)
    case .float32: Float(value).bitPattern
    case .float8E5M2: UInt32(Float16(value * 64).bitPattern >> 8)
    case .float8E4M3: scaledE4M3(value)
    }
  }

  private func scaledE4M3(_ value: Double) -> UInt32 {
    // A half has the same places with one exponent bit more: its bias is larger by 8.
    let half = Float16(min(abs(value) * 64, 448) / 256).bitPattern
    return UInt32(half >> 7) | (value < 0 ? 0x80 : 0)
  }

  func value(_ bits: UInt32) -> Double {
    switch self {
    case .bfloat16: Double(Float(bitPattern: bits << 16))
    case .float16: Double(Float16(bitPattern: UInt16(truncatingIfNeeded: bits)))
    case .float32: Double(Float(bitPattern: bits))
    case .float8E5M2: Double(Float16(bitPattern: UInt16(truncatingIfNeeded: bits << 8))) / 64
    case .float8E4M3:
      Double(Float16(bitPattern: UInt16(truncatingIfNeeded: (bits & 0x7F) << 7))) * 4
        * (bits & 0x80 == 0 ? 1 : -1)
    }
  }
}

/// The bytes of a chunk before and after an update.
struct Sample {
  let shape: ChunkShape
  let format: FloatFormat
  var base: [UInt8] = []
  var result: [UInt8] = []

  init(_ format: FloatFormat, rows: Int, columns: Int) {
    self.format = format
    shape = ChunkShape(element: .float(format), rows: rows, columns: columns)
  }

  mutating func append(_ before: UInt32, _ after: UInt32) {
    for byte in 0..<format.byteWidth {
      base.append(UInt8(truncatingIfNeeded: before >> UInt32(8 * byte)))
      result.append(UInt8(truncatingIfNeeded: after >> UInt32(8 * byte)))
    }
  }

  /// Weights around 0.02 and an update that is an outer product of heavy-tailed factors.
  static func outerProduct(
    _ format: FloatFormat, rows: Int, columns: Int, scale: Double, seed: UInt64
  ) -> Self {
    var generator = SeededGenerator(seed)
    var sample = Self(format, rows: rows, columns: columns)
    let cubed = { (x: Double) in x * x * x }
    let columnFactors = (0..<columns).map { _ in cubed(generator.normal()) }
    for _ in 0..<rows {
      let rowFactor = cubed(generator.normal())
      for column in 0..<columns {
        let isZero = generator.next() % 997 == 0
        let before = isZero ? 0 : format.bits(generator.normal() * 0.02)
        let update =
          scale * (rowFactor * columnFactors[column] + 0.1 * generator.normal())
        sample.append(before, format.bits(format.value(before) + update))
      }
    }
    return sample
  }

  /// Any bits at all; one element in `changeRate` differs.
  static func anyBits(
    _ format: FloatFormat, rows: Int, columns: Int, oneIn changeRate: UInt64, seed: UInt64
  ) -> Self {
    var generator = SeededGenerator(seed)
    var sample = Self(format, rows: rows, columns: columns)
    for _ in 0..<(rows * columns) {
      let before = UInt32(truncatingIfNeeded: generator.next())
      let changes = generator.next() % changeRate == 0
      sample.append(before, changes ? UInt32(truncatingIfNeeded: generator.next()) : before)
    }
    return sample
  }

  func encoded(shifts: ShiftTable = ShiftTable()) -> EncodedChunk {
    ChunkCoder(shape).encode(base: base.span.bytes, result: result.span.bytes, shifts: shifts)
  }

  /// What `chunk` makes of the base, and of the result.
  func decoded(_ chunk: [UInt8]) throws -> (applied: [UInt8], stripped: [UInt8]) {
    let coder = ChunkCoder(shape)
    var applied = [UInt8](repeating: 0xAA, count: base.count)
    var appliedSpan = applied.mutableSpan
    var appliedBytes = appliedSpan.mutableBytes
    try coder.apply(chunk.span.bytes, to: base.span.bytes, into: &appliedBytes)
    var stripped = [UInt8](repeating: 0xAA, count: base.count)
    var strippedSpan = stripped.mutableSpan
    var strippedBytes = strippedSpan.mutableBytes
    try coder.strip(chunk.span.bytes, from: result.span.bytes, into: &strippedBytes)
    return (applied, stripped)
  }
}
