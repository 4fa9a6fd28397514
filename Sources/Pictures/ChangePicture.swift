internal import PatchEngine

/// Where the change is: layers across, modules down, and a bar for each layer.
///
/// All is drawn for a width of 750 with its margins, so that letters can still be read where a phone shows half of it;
/// there, the style makes them larger.
struct ChangePicture {
  private(set) var height = 0
  /// Elements of an SVG, from 0 to ``width`` and ``height``.
  private(set) var markup = ""
  static let width = 722

  private let measure: ChangeMeasure
  private let shares: ChangeShares
  private let scale: ColourScale

  private enum Layout {
    static let rowPitch = 22.0
    /// For the names of modules.
    static let margin = 186.0
    static let end = 714.0
    static let widestCell = 40.0
    static let barHeight = 64.0
    static let nameLimit = 15
    /// Between two numbers of layers.
    static let labelPitch = 44.0
  }

  init(_ map: ChangeMap, _ shares: ChangeShares, _ measure: ChangeMeasure) {
    (self.measure, self.shares) = (measure, shares)
    scale = ColourScale(measure.values(in: map))
    addLegend(measure.unit(in: map))
    addOutsiders(map.inputs)
    for stack in map.stacks { addGrid(stack, isNamed: map.stacks.count > 1) }
    addOutsiders(map.outputs)
    height += 8
    for line in Self.lines(of: shares.sentence + ".") {
      addText(line, x: 0, y: Double(height) + 22, style: "title")
      height += 22
    }
    height += 12
    let most = map.stacks.flatMap(\.layerTotals).map { shares.share(of: $0) }.max() ?? 0
    for stack in map.stacks {
      addBars(stack, upTo: most, name: map.stacks.count > 1 ? stack.name : nil)
    }
  }

  private mutating func addLegend(_ unit: PartUnit) {
    addText("\(measure.title), \(unit.name)", x: 0, y: 16, style: "title")
    let edges = [scale.edges.first, scale.edges.last].compactMap { $0 }.map {
      ChangePanel.plain($0 * unit.factor)
    }
    height = 30
    guard edges.count == 2 else { return }
    let y = Double(height)
    addText(edges[0], x: Layout.margin - 8, y: y + 13, style: "muted end")
    var x = Layout.margin
    for shade in scale.shades {
      markup += "<g class=\"c\(shade)\">\(Self.rect(x, y, 26, 15))</g>\n"
      x += 26
    }
    addText(edges[1], x: x + 8, y: y + 13, style: "muted")
    height += 28
  }

  // MARK: Cells

  private mutating func addOutsiders(_ outsiders: [ChangeMap.Outsider]) {
    for (outsider, name) in zip(outsiders, Self.shortNames(outsiders.map(\.name))) {
      addName(name)
      var shades: [Int: String] = [:]
      addCell(outsider.cell, x: Layout.margin, width: Layout.widestCell, to: &shades)
      addCells(shades)
      let share = Quantity.share(shares.share(of: outsider.cell))
      addText(
        "\(share) of \(shares.whole)", x: Layout.margin + Layout.widestCell + 8,
        y: Double(height) + 15, style: "muted")
      height += Int(Layout.rowPitch)
    }
    if !outsiders.isEmpty { height += 6 }
  }

  private mutating func addGrid(_ stack: ChangeMap.Stack, isNamed: Bool) {
    if isNamed {
      addText(
        ChangePanel.shortened(stack.name, to: 60), x: 0, y: Double(height) + 18, style: "title")
      height += 28
    }
    let pitch = Self.pitch(stack)
    let names = Self.shortNames(stack.modules)
    var shades: [Int: String] = [:]
    for (row, name) in names.enumerated() {
      addName(name)
      for column in stack.layers.indices {
        guard let cell = stack.cells[column][row] else { continue }
        addCell(cell, x: Layout.margin + Double(column) * pitch, width: pitch - 1, to: &shades)
      }
      height += Int(Layout.rowPitch)
    }
    addCells(shades)
    addText("layer", x: Layout.margin - 8, y: Double(height) + 17, style: "muted end")
    let step = Self.labelStep(pitch)
    for (column, layer) in stack.layers.enumerated() where column % step == 0 {
      addText(
        "\(layer)", x: Layout.margin + (Double(column) + 0.5) * pitch, y: Double(height) + 17,
        style: "muted mid")
    }
    height += 26
  }

  private mutating func addName(_ name: String) {
    addText(
      ChangePanel.shortened(name, to: Layout.nameLimit), x: Layout.margin - 8,
      y: Double(height) + 16, style: "end")
  }

  private func addCell(
    _ cell: ChangeMap.Cell, x: Double, width: Double, to shades: inout [Int: String]
  ) {
    let value = measure.value(of: cell)
    let shade = value.flatMap { $0.isFinite ? scale.shade(of: $0) : ColourScale.shadeCount - 1 }
    shades[shade ?? -1, default: ""] += Self.rect(
      x, Double(height), width, Layout.rowPitch - 1)
  }

  /// Cells of one shade are one group: half the bytes.
  private mutating func addCells(_ shades: [Int: String]) {
    for (shade, rects) in shades.sorted(by: { $0.key < $1.key }) {
      markup += "<g class=\"\(shade < 0 ? "zero" : "c\(shade)")\">\(rects)</g>\n"
    }
  }

  // MARK: Bars

  /// - Parameters:
  ///   - stack: the layers.
  ///   - most: the share that fills the height.
  ///   - name: to tell stacks apart.
  private mutating func addBars(_ stack: ChangeMap.Stack, upTo most: Double, name: String?) {
    guard most > 0 else { return }
    let values = stack.layerTotals.map { shares.share(of: $0) }
    if let name {
      addName(name)
      height += Int(Layout.rowPitch)
    }
    let pitch = Self.pitch(stack)
    let bottom = Double(height) + Layout.barHeight
    let bars = values.enumerated().map { column, value in
      let bar = max(value > 0 ? 0.5 : 0, Layout.barHeight * value / most)
      return Self.rect(Layout.margin + Double(column) * pitch, bottom - bar, pitch - 1, bar)
    }
    markup += "<g class=\"bar\">\(bars.joined())</g>\n"
    let end = Layout.margin + Double(stack.layers.count) * pitch
    markup += "<g class=\"bar\">\(Self.rect(Layout.margin, bottom, end - Layout.margin, 1))</g>\n"
    addText(
      Quantity.share(most), x: Layout.margin - 8, y: Double(height) + 13, style: "muted end")
    addText("0", x: Layout.margin - 8, y: bottom + 1, style: "muted end")
    height += Int(Layout.barHeight) + 12
  }

  // MARK: Elements

  private static func pitch(_ stack: ChangeMap.Stack) -> Double {
    min(Layout.widestCell, (Layout.end - Layout.margin) / Double(max(1, stack.layers.count)))
  }

  /// Of which layers the numbers find room.
  private static func labelStep(_ pitch: Double) -> Int {
    [1, 2, 5, 10, 20, 50, 100].first { Double($0) * pitch >= Layout.labelPitch } ?? 200
  }

  /// The last parts of names, where these tell them apart.
  private static func shortNames(_ names: [String]) -> [String] {
    let leaves = names.map { String($0.split(separator: ".").last ?? "") }
    return Set(leaves).count == names.count ? leaves : names
  }

  /// Cut between words to fit the width, also in the larger letters of a phone.
  private static func lines(of text: String) -> [String] {
    text.split(separator: " ").reduce(into: [""]) { lines, word in
      let line = lines[lines.count - 1]
      if line.isEmpty {
        lines[lines.count - 1] = String(word)
      } else if line.count + 1 + word.count <= 72 {
        lines[lines.count - 1] = "\(line) \(word)"
      } else {
        lines.append(String(word))
      }
    }
  }

  private static func rect(_ x: Double, _ y: Double, _ width: Double, _ height: Double) -> String {
    "<rect x=\"\(number(x))\" y=\"\(number(y))\" width=\"\(number(width))\" "
      + "height=\"\(number(height))\"/>"
  }

  private static func number(_ value: Double) -> String {
    let text = Quantity.decimal(value, digits: 1)
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }

  private mutating func addText(_ text: String, x: Double, y: Double, style: String) {
    markup +=
      "<text x=\"\(Self.number(x))\" y=\"\(Self.number(y))\" class=\"\(style)\">"
      + "\(text.escapedForMarkup)</text>\n"
  }
}
