internal import ByteIO

/// How many low bits of an ordinal delta are always zero, by the base's exponent.
///
/// In an exact chunk they are 0, or what a narrower type leaves at zero (Formats/delta-coding.md,
/// "Shifts").
package struct ShiftTable: Equatable, Sendable {
  /// Exponents from `first` up to the next run's have `shift`; those below the first run have 0.
  struct Run: Equatable, Sendable {
    var first: UInt8
    var shift: UInt8
  }

  private(set) var runs: [Run] = []

  package init() {}

  /// - Precondition: One shift by exponent, none larger than the mantissa.
  init(_ shifts: [Int]) {
    var last = 0
    for (exponent, shift) in shifts.enumerated() where shift != last {
      runs.append(Run(first: UInt8(exponent), shift: UInt8(shift)))
      last = shift
    }
  }

  init(parsing reader: inout ByteReader, layout: FloatLayout) throws(FormatError) {
    let count = try reader.readVariableLength()
    guard count <= layout.exponentCount else {
      throw .corrupt("\(count) shifts for \(layout.exponentCount) exponents", at: reader.position)
    }
    for _ in 0..<count {
      let run = Run(
        first: try reader.read(UInt8.self), shift: try reader.read(UInt8.self))
      guard
        Int(run.first) < layout.exponentCount, run.shift <= layout.mantissaBitCount,
        runs.last.map({ $0.first < run.first }) ?? true
      else {
        throw .corrupt("a shift that cannot be", at: reader.position - 2)
      }
      runs.append(run)
    }
  }

  func write(to bytes: inout [UInt8]) {
    bytes.appendVariableLength(runs.count)
    for run in runs { bytes += [run.first, run.shift] }
  }

  /// The shifts, by exponent, for loops.
  func buffer(_ layout: FloatLayout) -> UncheckedBuffer<UInt8> {
    let shifts = UncheckedBuffer<UInt8>(repeating: 0, count: layout.exponentCount)
    for (exponent, shift) in expanded(layout).enumerated() { shifts[exponent] = UInt8(shift) }
    return shifts
  }

  /// The shifts, by exponent.
  func expanded(_ layout: FloatLayout) -> [Int] {
    var shifts = [Int](repeating: 0, count: layout.exponentCount)
    for (index, run) in runs.enumerated() {
      let end = index + 1 < runs.count ? Int(runs[index + 1].first) : shifts.count
      for exponent in Int(run.first)..<end { shifts[exponent] = Int(run.shift) }
    }
    return shifts
  }
}
