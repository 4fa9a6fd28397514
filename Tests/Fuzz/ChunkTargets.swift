import ByteIO
import DeltaCoding
import TestSupport

/// Coded chunks of every kind of element and many shapes.
extension FuzzTarget {
  /// Any bytes as a coded chunk, which four bytes before it say the shape and the input of.
  static let chunk = FuzzTarget(
    name: "chunk", byteLimit: 512,
    seeds: {
      var generator = SeededGenerator(seed: 5)
      return ChunkSetting.elements.indices.flatMap { element in
        [(9, 40, 1), (9, 40, 5), (1, 200, 2), (24, 5, 0), (200, 1, 1)].compactMap {
          (rows, columns, kind) -> [UInt8]? in
          let head = [UInt8(element), UInt8(rows), UInt8(columns), UInt8(kind)]
          guard let setting = ChunkSetting(head.rawSpan) else { return nil }
          let base = setting.input()
          let shares: [Double] = [0.01, 0.1, 0.6]
          let share = shares.randomElement(using: &generator) ?? 1
          var result = base
          let width = setting.shape.element.byteWidth
          for index in base.indices
          where index % width == 0 && Double.random(in: 0..<1, using: &generator) < share {
            result[index] &+= UInt8.random(in: 1...3, using: &generator)
          }
          let coder = ChunkCoder(setting.shape)
          return head
            + (setting.direction == .apply
              ? coder.encode(base: base.rawSpan, result: result.rawSpan).bytes
              : coder.encode(base: result.rawSpan, result: base.rawSpan).bytes)
        }
      }
    },
    run: { bytes in
      guard let setting = ChunkSetting(bytes) else { return }
      let chunk = bytes.extracting(ChunkSetting.byteCount..<bytes.byteCount)
      let coder = ChunkCoder(setting.shape)
      if let summary = try? coder.summary(of: chunk) {
        let sum = summary.header + summary.positions + summary.values + summary.strip
        expect(sum == chunk.byteCount, "a summary accounts for every byte")
      }
      let input = setting.input()
      // Output that was not written would be what was there before.
      let direction = setting.direction
      let output = coder.decode(chunk, input, direction, over: 0xAA)
      let other = coder.decode(chunk, input, direction, over: 0x55)
      expect(output == other, "every byte of an output is written")
    })

  /// Any bytes as a base and as what is added to it.
  static let roundTrip = FuzzTarget(
    name: "round-trip", byteLimit: 512,
    seeds: {
      ChunkSetting.elements.indices.flatMap { element in
        (0..<3).map { kind in
          [UInt8(element), 12, 17, UInt8(kind), 40]
            + Array(repeating: [1, 0, 0, 0, 0, 0, 255, 2], count: kind + 1).joined()
        }
      }
    },
    run: { bytes in
      guard let setting = ChunkSetting(bytes), bytes.byteCount > ChunkSetting.byteCount else {
        return
      }
      let coder = ChunkCoder(setting.shape)
      let base = setting.input()
      var result = base
      // The rest is repeated as often as it takes, so that few bytes change many elements.
      let rest = bytes.extracting(ChunkSetting.byteCount..<bytes.byteCount)
      for index in result.indices { result[index] &+= rest[byteAt: index % rest.byteCount] }
      var shifts = ShiftTable()
      if case .float(let format) = setting.shape.element, Quantisation.suits(format),
        rest[byteAt: 0] & 1 == 1
      {
        let quantisation = Quantisation(
          base: base.rawSpan, result: result.rawSpan, format: format, maxRelativeError: 0.25)
        let exact = result
        result.withMutableRawSpan {
          quantisation.quantise(base: base.rawSpan, result: exact.rawSpan, into: &$0)
        }
        shifts = quantisation.shifts
      }
      let chunk = coder.encode(base: base.rawSpan, result: result.rawSpan, shifts: shifts).bytes
      expect(chunk.isEmpty == (base == result), "only a chunk without changes has no bytes")
      let span = chunk.rawSpan
      expect(coder.decode(span, base, .apply, over: 0xAA) == result, "apply gives the result")
      expect(coder.decode(span, result, .strip, over: 0xAA) == base, "strip gives the base")
    })
}

private enum Direction { case apply, strip }

extension ChunkCoder {
  /// - Returns: what the chunk makes of `input`, or nil if it is refused.
  fileprivate func decode(
    _ chunk: RawSpan, _ input: [UInt8], _ direction: Direction, over filling: UInt8
  ) -> [UInt8]? {
    var output = [UInt8](repeating: filling, count: input.count)
    do throws(FormatError) {
      try output.withMutableRawSpan { (span) throws(FormatError) in
        if direction == .apply {
          try apply(chunk, to: input.rawSpan, into: &span)
        } else {
          try strip(chunk, from: input.rawSpan, into: &span)
        }
      }
    } catch {
      expect((0...chunk.byteCount).contains(error.offset), "an error lies within the chunk")
      return nil
    }
    return output
  }
}

/// What the first bytes of an input say of the chunk.
private struct ChunkSetting {
  static let byteCount = 4

  static let elements: [CodedElement] =
    [.float(.bfloat16), .float(.float16), .float(.float32)]
    + [.float(.float8E4M3), .float(.float8E5M2)]
    + [1, 2, 4, 8].map { .word(byteWidth: $0) }
    + BlockFormat.allCases.map { .block($0, elementCount: 32) }

  let shape: ChunkShape
  private let kind: UInt8

  var direction: Direction { kind & 4 == 0 ? .apply : .strip }

  /// - Returns: nil if there are too few bytes.
  init?(_ bytes: RawSpan) {
    guard bytes.byteCount >= Self.byteCount else { return nil }
    let element = Self.elements[Int(bytes[byteAt: 0]) % Self.elements.count]
    let isBlock = if case .block = element { true } else { false }
    let columns = Int(bytes[byteAt: 2]) % (isBlock ? 9 : 256)
    // Few elements, so that a run is short; a limit of blocks is one of hundreds of values.
    let limit = isBlock ? 16 : 2048
    let rows = min(Int(bytes[byteAt: 1]), limit / max(columns, 1))
    shape = ChunkShape(element: element, rows: rows, columns: columns)
    kind = bytes[byteAt: 3]
  }

  /// The bytes of the elements before: of any kind, like weights, or all zero.
  func input() -> [UInt8] {
    guard kind % 4 != 0 else { return [UInt8](repeating: 0, count: shape.byteCount) }
    var generator = SeededGenerator(seed: UInt64(kind))
    var bytes: [UInt8] = []
    bytes.reserveCapacity(shape.byteCount + 8)
    while bytes.count < shape.byteCount { bytes.appendLittleEndian(generator.next()) }
    bytes.removeLast(bytes.count - shape.byteCount)
    guard kind % 4 != 3, case .float(let format) = shape.element else { return bytes }
    // Signs and low bits of any kind; exponents from 2^-16 to 1 or so.
    let width = format.byteWidth
    for last in stride(from: width - 1, to: bytes.count, by: width) {
      bytes[last] = bytes[last] & (format == .float16 ? 0xBF : 0x87) | 0x38
    }
    return bytes
  }
}
