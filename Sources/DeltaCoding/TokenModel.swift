/// How a delta of a dense chunk is cut: a token, and low bits that are all equally likely.
///
/// Tokens 0 to 7 are those magnitudes. From 8 on there are four to each bit length, told apart by
/// the two bits below the leading one; the other bits follow raw, as does a sign unless the
/// magnitude is 0.
enum Token {
  static let count = 124

  @inline(__always)
  static func token(of magnitude: UInt32) -> Int {
    guard magnitude >= 8 else { return Int(magnitude) }
    let length = 32 &- magnitude.leadingZeroBitCount
    let next = Int(truncatingIfNeeded: magnitude &>> UInt32(truncatingIfNeeded: length &- 3)) & 3
    return 8 &+ 4 &* (length &- 4) &+ next
  }

  /// How many bits of the magnitude follow a token.
  @inline(__always)
  static func rawBitCount(_ token: Int) -> Int { token < 8 ? 0 : (token &- 8) >> 2 &+ 1 }

  /// The least magnitude of a token.
  static func first(_ token: Int) -> UInt32 {
    token < 8 ? UInt32(token) : UInt32(4 + (token - 8) & 3) << UInt32(rawBitCount(token))
  }
}

/// The tokens' frequencies, one table for each exponent of the base that has many elements and one
/// for all others.
struct TokenModel: ~Copyable {
  /// Frequencies of a table add up to this.
  static let total = 1 << totalShift
  static let totalShift = 11
  /// An exponent has a table of its own from so many elements on.
  private static let own = 512

  /// The table of each exponent.
  let tables: UncheckedBuffer<UInt16>
  /// `Token.count` for each table.
  private(set) var frequencies: [[UInt16]] = []

  /// - Parameter counts: By exponent, how often each token occurs.
  init(counts: [[Int]]) {
    tables = UncheckedBuffer(repeating: 0, count: counts.count)
    var shared = [Int](repeating: 0, count: Token.count)
    var owned: [[Int]] = []
    for (exponent, count) in counts.enumerated() {
      if count.reduce(0, +) >= Self.own {
        owned.append(count)
        tables[exponent] = UInt16(owned.count)
      } else {
        for token in count.indices { shared[token] += count[token] }
      }
    }
    frequencies = ([shared] + owned).map(Self.normalised)
  }

  /// A model for ``code(with:)`` to fill.
  init(exponentCount: Int) {
    tables = UncheckedBuffer(repeating: 0, count: exponentCount)
  }

  /// Frequencies that add up to ``total``, none that occurs being 0.
  private static func normalised(_ counts: [Int]) -> [UInt16] {
    let sum = max(counts.reduce(0, +), 1)
    var frequencies = counts.map { $0 == 0 ? 0 : max(1, $0 * total / sum) }
    var rest = total - frequencies.reduce(0, +)
    // What is left, or too much, goes to where it matters least: the largest.
    while rest != 0 {
      let largest = frequencies.indices.max { frequencies[$0] < frequencies[$1] } ?? 0
      let step = rest > 0 ? rest : max(rest, -(frequencies[largest] / 2))
      frequencies[largest] += step
      rest -= step
    }
    return frequencies.map { UInt16($0) }
  }

  /// Writes or reads the model. What was read adds up to ``total`` in any case.
  mutating func code<Coder: BinaryCoder & ~Copyable>(with coder: inout Coder) {
    let models = AdaptiveBits(count: 16 + 13 * 16)
    var tableCount = 1
    for exponent in 0..<tables.count {
      let isOwn = coder.code(
        tables[exponent] != 0, models, exponent > 0 && tables[exponent - 1] != 0 ? 1 : 0)
      tables[exponent] = isOwn ? UInt16(tableCount) : 0
      if isOwn { tableCount += 1 }
    }
    let known = frequencies
    frequencies = []
    for table in 0..<tableCount {
      var row = [UInt16](repeating: 0, count: Token.count)
      var rest = Self.total
      var previous = 0
      for token in 0..<Token.count where rest > 0 {
        let frequency = Int(known.isEmpty ? 0 : known[table][token])
        let length = Int.bitWidth - frequency.leadingZeroBitCount
        var read = 0
        while read < 12,
          coder.code(length > read, models, 16 + 16 * previous + read)
        {
          read += 1
        }
        previous = read
        var value = read > 0 ? 1 << (read - 1) : 0
        if read > 1 {
          value |= Int(
            coder.codeRaw(UInt32(frequency & (value - 1)), count: read - 1))
        }
        value = min(value, rest)
        row[token] = UInt16(value)
        rest -= value
      }
      row[Token.count - 1] += UInt16(rest)
      frequencies.append(row)
    }
  }
}
