internal import ModelNames
internal import PatchEngine

/// What a patch changes, by layer and module.
struct ChangeMap {
  /// Tensors that are shown as one.
  struct Cell {
    var tensors: [TensorReport] = []
    var elementCount = 0
    var changedCount = 0
    /// Nil unless some tensor was measured.
    var update: UpdateMeasure?

    mutating func add(_ other: Self) {
      tensors += other.tensors
      elementCount += other.elementCount
      changedCount += other.changedCount
      if let more = other.update {
        var sum = update ?? UpdateMeasure()
        sum.add(more)
        update = sum
      }
    }
  }

  /// Layers with the same modules, numbered in the model.
  struct Stack {
    /// What their names begin with.
    let name: String
    let layers: [Int]
    let modules: [String]
    /// By layer, then by module; nil where a layer lacks the module.
    let cells: [[Cell?]]
    /// The sums of the layers, and of the modules.
    let layerTotals: [Cell]
    let moduleTotals: [Cell]
    let total: Cell
  }

  /// A module outside of all layers.
  struct Outsider {
    let name: String
    let cell: Cell
  }

  let stacks: [Stack]
  /// What comes before the layers, and after them.
  let inputs: [Outsider]
  let outputs: [Outsider]

  /// More columns than this are hardly seen at once.
  private static let columnLimit = 24

  init(_ report: PatchReport) {
    let changedCounts = Dictionary(
      uniqueKeysWithValues: report.changes.map { ($0.tensor.name, $0.changedCount) })
    var places = report.tensors.map { (tensor: $0, location: TensorLocation($0.name)) }
    let layers = Dictionary(
      grouping: places.map(\.location).filter { $0.layer != nil }, by: \.stack
    ).mapValues { Set($0.map(\.layer)) }
    // A number that only ever is one number counts no layers, unless nothing else does.
    let hasLayers = layers.values.contains { $0.count > 1 }
    for index in places.indices where places[index].location.layer != nil {
      let isLone = layers[places[index].location.stack]?.count == 1
      if hasLayers && isLone {
        places[index].location = places[index].location.outside(name: places[index].tensor.name)
      }
    }
    var table = Table()
    for place in places {
      let cell = Cell(
        tensors: [place.tensor], elementCount: place.tensor.elementCount,
        changedCount: changedCounts[place.tensor.name] ?? 0,
        update: report.updates?[place.tensor.name])
      table.add(cell, at: place.location)
    }
    stacks = table.stackNames.map { table.stack($0, columnLimit: Self.columnLimit) }
    let outsiders = table.outsiders.map { (location: $0.location, outsider: $0.outsider) }
    inputs = outsiders.filter { $0.location.isInput }.map(\.outsider)
    outputs = outsiders.filter { !$0.location.isInput }.map(\.outsider)
  }

  /// Every single cell, without sums, as they are read.
  var cells: [Cell] {
    let layered = stacks.flatMap { $0.cells.flatMap { $0.compactMap { $0 } } }
    return inputs.map(\.cell) + layered + outputs.map(\.cell)
  }
}

/// Cells as they are gathered, in the order in which they come.
private struct Table {
  private(set) var stackNames: [String] = []
  private var members: [String: [(location: TensorLocation, cell: ChangeMap.Cell)]] = [:]
  private var outside: [TensorLocation] = []
  private var outsideCells: [String: ChangeMap.Cell] = [:]

  mutating func add(_ cell: ChangeMap.Cell, at location: TensorLocation) {
    guard location.layer != nil else {
      if outsideCells[location.module] == nil { outside.append(location) }
      outsideCells[location.module, default: ChangeMap.Cell()].add(cell)
      return
    }
    if members[location.stack] == nil { stackNames.append(location.stack) }
    members[location.stack, default: []].append((location, cell))
  }

  var outsiders: [(location: TensorLocation, outsider: ChangeMap.Outsider)] {
    outside.map { location in
      let cell = outsideCells[location.module] ?? ChangeMap.Cell()
      return (location, ChangeMap.Outsider(name: location.module, cell: cell))
    }
  }

  func stack(_ name: String, columnLimit: Int) -> ChangeMap.Stack {
    var members = members[name] ?? []
    if Set(members.map(\.location.module)).count > columnLimit {
      members = members.map { ($0.location.withoutNumbers, $0.cell) }
    }
    var firsts: [String: (rank: Int, position: Int)] = [:]
    var cells: [Int: [String: ChangeMap.Cell]] = [:]
    for (position, member) in members.enumerated() {
      let module = member.location.module
      if firsts[module] == nil { firsts[module] = (member.location.rank, position) }
      cells[member.location.layer ?? 0, default: [:]][module, default: ChangeMap.Cell()]
        .add(member.cell)
    }
    let modules = firsts.sorted { $0.value < $1.value }.map(\.key)
    let layers = cells.keys.sorted()
    let rows = layers.map { layer in modules.map { cells[layer]?[$0] } }
    func sum(_ cells: [ChangeMap.Cell?]) -> ChangeMap.Cell {
      cells.reduce(into: ChangeMap.Cell()) { sum, cell in if let cell { sum.add(cell) } }
    }
    let layerTotals = rows.map(sum)
    return ChangeMap.Stack(
      name: name, layers: layers, modules: modules, cells: rows, layerTotals: layerTotals,
      moduleTotals: modules.indices.map { column in sum(rows.map { $0[column] }) },
      total: sum(layerTotals))
  }
}
