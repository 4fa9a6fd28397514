import Glibc

/// Empirical entropies, in bits.
enum Entropy {
  /// n · log2 n. The entropy of symbols is the term of their total less the terms of their counts.
  static func term(_ count: Int) -> Double {
    count > 1 ? Double(count) * log2(Double(count)) : 0
  }

  /// The entropy of symbols that occurred `counts` times.
  static func of(_ counts: some Sequence<Int>) -> Double {
    var total = 0
    var terms = 0.0
    for count in counts {
      total += count
      terms += term(count)
    }
    return term(total) - terms
  }
}
