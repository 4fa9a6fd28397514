internal import PatchEngine

/// Layers × modules in one measure, drawn.
struct ChangePanel {
  private(set) var width = 0
  private(set) var height = 0
  /// Elements of an SVG, from 0 to ``width`` and ``height``.
  private(set) var markup = ""

  private let measure: ChangeMeasure
  private let scale: ColourScale
  private let unit: PartUnit
  private let updateUnit: PartUnit
  private let knowsAll: Bool

  private enum Layout {
    static let cellWidth = 34
    static let cellHeight = 17
    static let pitch = 35
    static let rowPitch = 18
    /// For the numbers of layers.
    static let margin = 34
    /// Sets sums apart from what they sum up.
    static let gap = 6
    /// Names are cut to this many characters.
    static let nameLimit = 28
    static let characterWidth = 5.8
    static let titleCharacterWidth = 7.8
    /// Cosine and sine of the angle by which the modules' names are turned.
    static let (cosine, sine) = (0.6428, 0.766)
  }

  init(_ map: ChangeMap, _ measure: ChangeMeasure) {
    self.measure = measure
    let values = measure.values(in: map)
    scale = ColourScale(values)
    knowsAll = values.count == map.cells.count
    unit = measure.unit(in: map)
    updateUnit = ChangeMeasure.relativeUpdate.unit(in: map)
    addLegend()
    addOutsiders(map.inputs)
    for stack in map.stacks { add(stack, isNamed: map.stacks.count > 1) }
    addOutsiders(map.outputs)
  }

  // MARK: Legend

  private mutating func addLegend() {
    addText("\(measure.title), \(unit.name)", x: 0, y: 13, style: "title")
    height = 22
    var x = 0
    markup += cellMarkup(x: x, y: height, shade: nil, number: "0", explanation: "unchanged")
    x += Layout.pitch + Layout.gap
    let edges = scale.edges.map { edge in Self.plain(edge * unit.factor) }
    for (step, edge) in edges.enumerated() {
      addText(edge, x: x + step * Layout.pitch, y: height + 28, style: "muted mid")
    }
    for (step, shade) in scale.shades.enumerated() {
      markup += cellMarkup(
        x: x, y: height, shade: shade, number: "",
        explanation: "from \(edges[step]) to \(edges[step + 1]) \(unit.name)")
      x += Layout.pitch
    }
    extend(x + Self.width(of: edges.last ?? "") / 2)
    if !knowsAll {
      x += Layout.gap
      markup += cellMarkup(
        x: x, y: height, shade: nil, number: "–", explanation: "not a tensor of floats")
      addText("no floats", x: x + Layout.pitch + 3, y: height + 12, style: "muted")
    }
    height += 28 + 14
  }

  /// A number with one significant digit, short enough to stand below a cell.
  static func plain(_ value: Double) -> String {
    guard value >= 0.00095, value < 99_999.5 else { return Quantity.scientific(value, digits: 0) }
    var digits = 0
    var scaled = value
    while scaled < 0.95 {
      scaled *= 10
      digits += 1
    }
    return Quantity.decimal(value, digits: digits)
  }

  // MARK: Modules

  private mutating func addOutsiders(_ outsiders: [ChangeMap.Outsider]) {
    guard !outsiders.isEmpty else { return }
    height += Layout.gap
    for outsider in outsiders {
      add(outsider.cell, x: Layout.margin, y: height, name: outsider.name)
      let x = Layout.margin + Layout.pitch + Layout.gap
      let name = Self.shortened(outsider.name, to: 40)
      addText(name, x: x, y: Double(height) + 12.5)
      extend(x + Self.width(of: name))
      height += Layout.rowPitch
    }
    height += Layout.gap
  }

  private mutating func add(_ stack: ChangeMap.Stack, isNamed: Bool) {
    if isNamed {
      height += Layout.gap + 20
      addText(stack.name, x: 0, y: Double(height), style: "title")
    }
    let names = stack.modules.map { Self.shortened($0, to: Layout.nameLimit) }
    let rise = names.map { Double(Self.width(of: $0)) * Layout.sine }.max() ?? 0
    height += Int(max(rise, 12)) + 10
    for (column, name) in names.enumerated() {
      let x = Layout.margin + column * Layout.pitch + Layout.cellWidth / 2 + 2
      addTurned(name, full: stack.modules[column], x: x, y: height - 5)
      extend(x + Int(Double(Self.width(of: name)) * Layout.cosine) + 8)
    }
    let totalX = Layout.margin + stack.modules.count * Layout.pitch + Layout.gap
    addText("layer", x: 0, y: height - 5, style: "muted")
    addTurned("all", full: "all modules", x: totalX + Layout.cellWidth / 2 + 2, y: height - 5)
    for (row, layer) in stack.layers.enumerated() {
      addText("\(layer)", x: Layout.margin - 6, y: Double(height) + 12.5, style: "end")
      for (column, cell) in stack.cells[row].enumerated() {
        guard let cell else { continue }
        add(
          cell, x: Layout.margin + column * Layout.pitch, y: height,
          name: "layer \(layer), \(stack.modules[column])")
      }
      add(stack.layerTotals[row], x: totalX, y: height, name: "layer \(layer)")
      height += Layout.rowPitch
    }
    height += Layout.gap
    addText("all", x: Layout.margin - 6, y: Double(height) + 12.5, style: "end")
    for (column, total) in stack.moduleTotals.enumerated() {
      add(
        total, x: Layout.margin + column * Layout.pitch, y: height,
        name: "\(stack.modules[column]) of all layers")
    }
    add(stack.total, x: totalX, y: height, name: "all layers")
    extend(totalX + Layout.pitch)
    height += Layout.rowPitch
  }

  private mutating func add(_ cell: ChangeMap.Cell, x: Int, y: Int, name: String) {
    let value = measure.value(of: cell)
    markup += cellMarkup(
      x: x, y: y, shade: value.flatMap(scale.shade), number: value.map(unit.text) ?? "–",
      explanation: cell.explanation(name, in: updateUnit))
  }

  // MARK: Elements

  private func cellMarkup(
    x: Int, y: Int, shade: Int?, number: String, explanation: String
  ) -> String {
    let place = "x=\"\(x + Layout.cellWidth / 2)\" y=\"\(y + 12)\""
    let text = number.isEmpty ? "" : "<text \(place)>\(number.escapedForMarkup)</text>"
    return "<g class=\"number \(shade.map { "c\($0)" } ?? "zero")\"><title>"
      + explanation.escapedForMarkup + "</title><rect x=\"\(x)\" y=\"\(y)\" "
      + "width=\"\(Layout.cellWidth)\" height=\"\(Layout.cellHeight)\"/>\(text)</g>\n"
  }

  private mutating func addText(_ text: String, x: Int, y: Int, style: String = "") {
    addText(text, x: x, y: Double(y), style: style)
  }

  private mutating func addText(_ text: String, x: Int, y: Double, style: String = "") {
    let style = style.isEmpty ? "" : " class=\"\(style)\""
    markup += "<text x=\"\(x)\" y=\"\(y)\"\(style)>\(text.escapedForMarkup)</text>\n"
    if style.contains("title") {
      extend(x + Int(Double(text.count) * Layout.titleCharacterWidth))
    } else if !style.contains("end") && !style.contains("mid") {
      extend(x + Self.width(of: text))
    }
  }

  private mutating func addTurned(_ text: String, full: String, x: Int, y: Int) {
    markup +=
      "<text transform=\"translate(\(x),\(y)) rotate(-50)\">"
      + "<title>\(full.escapedForMarkup)</title>\(text.escapedForMarkup)</text>\n"
  }

  private mutating func extend(_ x: Int) { width = max(width, x) }

  private static func width(of text: String) -> Int {
    Int(Double(text.count) * Layout.characterWidth)
  }

  /// With an ellipsis for the middle of a long name: both ends tell more.
  static func shortened(_ name: String, to limit: Int) -> String {
    guard name.count > limit else { return name }
    return "\(name.prefix(limit / 3))…\(name.suffix(limit - limit / 3 - 1))"
  }
}

extension ChangeMap.Cell {
  /// All that is known of the cell, in a sentence that begins with its name.
  func explanation(_ name: String, in unit: PartUnit) -> String {
    let subject = tensors.count == 1 ? tensors[0].name : "\(name), \(tensors.count) tensors"
    let changes =
      "\(Quantity.count(changedCount)) of \(Quantity.count(elementCount)) elements changed"
    let share = Quantity.share(changedCount, of: elementCount)
    let update = update.map { update in
      update.relative.map {
        "; RMS of the update \(unit.precise($0)) \(unit.name) of that of the weights"
      } ?? "; all were zero before"
    }
    return "\(subject): \(changes) (\(share))\(update ?? "")"
  }
}
