import Checkpoints

/// What an exact patch must cost under several models: empirical entropies in bytes, without the
/// cost of any table, so that those with many contexts are somewhat too low.
struct Floors: Equatable {
  /// Elements of 16-bit floats.
  var elementCount = 0
  /// Those of them that differ.
  var changedCount = 0
  /// The ordinal delta given the base's exponent, each tensor for itself.
  var deltas = 0.0
  /// What strip needs besides: the base's exponent and a change of sign, given the result's exponent.
  var strip = 0.0
  /// Whether an element changes, given the base's exponent, over all tensors.
  var flags = 0.0
  /// Whether an element changes, given exponent and ``ChangeLevels``.
  var levelFlags = 0.0
  /// The size of the delta where there is one, given exponent and levels.
  var levelValues = 0.0
  /// The signs as ``RankOneSigns`` predicts them.
  var signs = 0.0
  /// F32 elements of tensors that differ.
  var float32Count = 0
  /// For those: the bit length of the delta given the exponent; other bits and the sign are raw.
  var float32 = 0.0

  /// Flags, values and signs with levels.
  var sumWithLevels: Double { levelFlags + levelValues + signs }

  /// How large a patch may be that comes close to the sum with levels: 5 % more, and 25 kB.
  var boundWithLevels: Double { bound(sumWithLevels) }

  /// The same for pairs whose changes follow neither rows nor columns.
  var boundOfDeltas: Double { bound(deltas) }

  private func bound(_ floor: Double) -> Double { 1.05 * (floor + strip + float32) + 25_000 }
}

extension Floors {
  /// The keys of the JSON form, each with its property.
  private static var reals: [(key: String, property: WritableKeyPath<Floors, Double>)] {
    [
      ("deltas_given_exponent", \.deltas), ("strip", \.strip), ("flags_given_exponent", \.flags),
      ("flags_given_levels", \.levelFlags), ("values_given_levels", \.levelValues),
      ("signs_rank_one", \.signs), ("float32", \.float32),
    ]
  }

  private static var integers: [(key: String, property: WritableKeyPath<Floors, Int>)] {
    [
      ("elements", \.elementCount), ("changed_elements", \.changedCount),
      ("float32_elements", \.float32Count),
    ]
  }

  /// The fields of a JSON object; sizes are whole bytes.
  var members: [JSONValue.Member] {
    func bytes(_ key: String, _ value: Double) -> JSONValue.Member {
      .init(key, .integer(Int(value.rounded())))
    }
    return Self.integers.map { .init($0.key, .integer(self[keyPath: $0.property])) }
      + Self.reals.map { bytes($0.key, self[keyPath: $0.property]) } + [
        bytes("sum_with_levels", sumWithLevels),
        bytes("bound_with_levels", boundWithLevels),
        bytes("bound_of_deltas", boundOfDeltas),
      ]
  }

  /// - Throws: ``BenchError`` naming the field that is missing.
  init(_ json: JSONValue) throws {
    func integer(_ key: String) throws -> Int {
      guard let value = json[key]?.integer else { throw BenchError("no '\(key)' in the floors") }
      return value
    }
    for (key, property) in Self.integers { self[keyPath: property] = try integer(key) }
    for (key, property) in Self.reals { self[keyPath: property] = Double(try integer(key)) }
  }
}
