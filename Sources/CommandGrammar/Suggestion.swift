/// Finds what was probably meant by a mistyped name.
enum Suggestion {
  /// `; did you mean '…'?`, or nothing when no candidate comes close.
  static func sentenceEnd(for typed: String, among candidates: [String]) -> String {
    guard let name = closest(to: typed, among: candidates) else { return "" }
    return "; did you mean '\(name)'?"
  }

  /// The candidate fewest slips of the finger away, or the only one that `typed` begins.
  private static func closest(to typed: String, among candidates: [String]) -> String? {
    let begun = candidates.filter { $0.hasPrefix(typed) }
    if begun.count == 1, typed.contains(where: { $0 != "-" }) { return begun.first }
    let ranked = candidates.map { (name: $0, distance: distance(typed, $0)) }
    guard let best = ranked.min(by: { $0.distance < $1.distance }) else { return nil }
    // Beyond a third of its letters a name is another word, not a slip.
    let letters = best.name.count { $0 != "-" }
    return best.distance <= max(1, letters / 3) ? best.name : nil
  }

  /// Letters to insert, delete, replace or swap with a neighbour to turn one into the other.
  ///
  /// - Complexity: O(`typed.count × name.count`).
  static func distance(_ typed: String, _ name: String) -> Int {
    let typed = Array(typed)
    let name = Array(name)
    var beforeLast: [Int] = []
    var last = Array(0...name.count)
    for row in typed.indices {
      var current = [row + 1]
      for column in name.indices {
        let replaced = last[column] + (typed[row] == name[column] ? 0 : 1)
        var best = min(replaced, last[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, typed[row] == name[column - 1], typed[row - 1] == name[column] {
          best = min(best, beforeLast[column - 1] + 1)
        }
        current.append(best)
      }
      (beforeLast, last) = (last, current)
    }
    return last[name.count]
  }
}
