internal import PatchEngine

/// How the whole change is divided among the parts of a model.
struct ChangeShares {
  /// Of what shares are told.
  let whole: String
  /// Where most of it lies, without a full stop.
  private(set) var sentence = ""

  private let isMeasured: Bool
  private let total: Double

  /// - Parameters:
  ///   - map: the parts.
  ///   - isMeasured: whether the update is known, so that shares are those of its squared norm;
  ///     otherwise they are those of the elements that change.
  init(_ map: ChangeMap, isMeasured: Bool) {
    self.isMeasured = isMeasured
    whole = isMeasured ? "the update" : "the changes"
    let outsiders = (map.inputs + map.outputs).map { (name: $0.name, cell: $0.cell) }
    let layers = map.stacks.flatMap { stack in
      zip(stack.layers, stack.layerTotals).map { layer, cell in
        (name: map.stacks.count > 1 ? "\(stack.name).\(layer)" : "\(layer)", cell: cell)
      }
    }
    func amount(_ cell: ChangeMap.Cell) -> Double { Self.amount(cell, isMeasured) }
    total = (outsiders + layers).reduce(0) { $0 + amount($1.cell) }
    guard total > 0 else {
      sentence = "Nothing changes"
      return
    }
    let ranked =
      (layers.map { ($0.name, true, $0.cell) } + outsiders.map { ($0.name, false, $0.cell) })
      .sorted { amount($0.2) > amount($1.2) }
    // Of very few, one is enough.
    let most = ranked.prefix(ranked.count > 4 ? 3 : 1).filter { amount($0.2) > 0 }
    let part = most.reduce(0) { $0 + amount($1.2) } / total
    let numbers = layers.map(\.name).filter { name in most.contains { $0.1 && $0.0 == name } }
    let others = most.filter { !$0.1 }.map { ChangePanel.shortened($0.0, to: 24) }
    let places =
      (numbers.isEmpty
        ? [] : [(numbers.count == 1 ? "layer " : "layers ") + Self.list(numbers)]) + others
    let subject =
      isMeasured ? "of the update, by its squared norm, lies" : "of the changed elements lie"
    sentence = "\(Quantity.decimal(100 * part, digits: 0)) % \(subject) in \(Self.list(places))"
  }

  /// The part of the whole that is in a cell.
  func share(of cell: ChangeMap.Cell) -> Double {
    total > 0 ? Self.amount(cell, isMeasured) / total : 0
  }

  private static func amount(_ cell: ChangeMap.Cell, _ isMeasured: Bool) -> Double {
    isMeasured ? cell.update?.updateSquares ?? 0 : Double(cell.changedCount)
  }

  private static func list(_ words: [String]) -> String {
    guard let last = words.last, words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " and " + last
  }
}
