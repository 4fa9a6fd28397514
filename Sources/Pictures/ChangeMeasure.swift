internal import PatchEngine

/// What of a change is drawn.
enum ChangeMeasure {
  /// How many of the elements differ.
  case share
  /// The RMS of the update over that of the weights.
  case relativeUpdate

  var title: String {
    switch self {
    case .share: "Elements changed"
    case .relativeUpdate: "RMS of the update, relative to the weights"
    }
  }

  /// Nil where it is not known, and infinite where zeros changed.
  func value(of cell: ChangeMap.Cell) -> Double? {
    switch self {
    case .share:
      cell.elementCount > 0 ? Double(cell.changedCount) / Double(cell.elementCount) : nil
    case .relativeUpdate: cell.update.map { $0.relative ?? .infinity }
    }
  }

  /// Of every single cell of which it is known.
  func values(in map: ChangeMap) -> [Double] { map.cells.compactMap { value(of: $0) } }

  /// What its values are told in.
  func unit(in map: ChangeMap) -> PartUnit {
    PartUnit(largest: values(in: map).filter(\.isFinite).max() ?? 0)
  }
}

/// In what small parts are counted.
package enum PartUnit {
  case percent
  case perMillion

  /// The unit that gives the larger parts few digits.
  init(largest: Double) {
    self = largest >= 0.01 ? .percent : .perMillion
  }

  package var name: String { self == .percent ? "%" : "per million" }
  var factor: Double { self == .percent ? 100 : 1e6 }

  /// Three significant digits of a part.
  package func precise(_ part: Double) -> String {
    part.isFinite ? Quantity.significant(part * factor) : "∞"
  }

  /// Two digits of a part, or as many as find room in a cell.
  func text(_ part: Double) -> String {
    let value = part * factor
    switch value {
    case 0: return "0"
    case ..<0.000_95: return Quantity.scientific(value, digits: 0)
    case ..<0.00995: return String(Quantity.decimal(value, digits: 3).dropFirst())
    case ..<0.995: return Quantity.decimal(value, digits: 2)
    case ..<9.95: return Quantity.decimal(value, digits: 1)
    case ..<99_999.5: return Quantity.decimal(value, digits: 0)
    // Only where the base is next to nothing, or nothing.
    case ..<Double.infinity: return ">99999"
    default: return "∞"
    }
  }
}
