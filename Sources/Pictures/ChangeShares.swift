internal import PatchEngine

/// How the whole change is divided among the parts of a model.
struct ChangeShares {
  /// Of what shares are told.
  let whole: String
  /// Where most of it lies, without a full stop.
  private(set) var sentence = ""

  private let isMeasured: Bool
  private let total: Double

  /// A layer, or a module outside of all layers.
  private struct Place {
    var stack: Int?
    var layer = 0
    var outsider: String?
    let amount: Double
  }

  /// - Parameters:
  ///   - map: the parts.
  ///   - isMeasured: whether the update is known, so that shares are those of its squared norm;
  ///     otherwise they are those of the elements that change.
  init(_ map: ChangeMap, isMeasured: Bool) {
    self.isMeasured = isMeasured
    whole = isMeasured ? "the update" : "the changes"
    func amount(_ cell: ChangeMap.Cell) -> Double { Self.amount(cell, isMeasured) }
    let layers = map.stacks.enumerated().flatMap { position, stack in
      zip(stack.layers, stack.layerTotals).map {
        Place(stack: position, layer: $0, amount: amount($1))
      }
    }
    let outsiders = (map.inputs + map.outputs).map {
      Place(outsider: $0.name, amount: amount($0.cell))
    }
    let all = layers + outsiders
    total = all.reduce(0) { $0 + $1.amount }
    guard total > 0 else {
      sentence = "Nothing changes"
      return
    }
    // Of very few, one is enough.
    let most = all.sorted { $0.amount > $1.amount }.prefix(all.count > 4 ? 3 : 1).filter {
      $0.amount > 0
    }
    let part = most.reduce(0) { $0 + $1.amount } / total
    var places = map.stacks.enumerated().compactMap { position, stack -> String? in
      let numbers = most.filter { $0.stack == position }.map(\.layer).sorted().map { "\($0)" }
      guard !numbers.isEmpty else { return nil }
      let name = map.stacks.count > 1 ? " of \(ChangePanel.shortened(stack.name, to: 24))" : ""
      return (numbers.count == 1 ? "layer " : "layers ") + Self.list(numbers) + name
    }
    places += most.compactMap(\.outsider).map { ChangePanel.shortened($0, to: 24) }
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
