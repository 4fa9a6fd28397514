public import PatchEngine

extension PatchReport {
  /// A picture of what the patch changes, layers × modules, as an SVG file.
  ///
  /// It shows the share of elements that differ in each tensor and, if the update was measured
  /// against the base, its RMS relative to that of the weights. It suits light and dark pages and
  /// paper, asks for no other file, and is the same for the same patch.
  public var svg: String {
    let panels = self.panels
    let header = 78
    let gap = 28
    // One below the other, numbers can be read on a phone; very deep models would take too much of
    // a page.
    let isTall = panels.reduce(0) { $0 + $1.height } > 2000
    let margin = 14
    var (x, y) = (margin, header)
    var body = ""
    // The first line is in larger letters than the others.
    let widths = zip(headline, [10] + Array(repeating: 6, count: headline.count)).map {
      $0.count * $1
    }
    var (width, height) = ((widths.max() ?? 0) + 2 * margin, 0)
    for panel in panels {
      body += "<g transform=\"translate(\(x),\(y))\">\n\(panel.markup)</g>\n"
      width = max(width, x + panel.width + margin)
      height = max(height, y + panel.height + margin)
      if isTall { x += panel.width + gap } else { y += panel.height + gap }
    }
    let lines = headline.enumerated().map { position, line in
      let style = position == 0 ? "headline" : "muted"
      return "<text class=\"\(style)\" x=\"\(margin)\" y=\"\(26 + 16 * position)\">"
        + "\(line.escapedForMarkup)</text>"
    }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" class="map" width="\(width)" height="\(height)" \
      viewBox="0 0 \(width) \(height)" role="img" aria-labelledby="title description">
      <title id="title">\(headline[0].escapedForMarkup)</title>
      <desc id="description">\(pictureDescription.escapedForMarkup)</desc>
      <style>
      \(ChangePalette.style)
      </style>
      <rect class="paper" width="\(width)" height="\(height)"/>
      \(lines.joined(separator: "\n"))
      \(body)</svg>

      """
  }

  /// A panel for each measure that is known.
  var panels: [ChangePanel] {
    let map = ChangeMap(self)
    let shares = ChangePanel(map, .share)
    return updates == nil ? [shares] : [shares, ChangePanel(map, .relativeUpdate)]
  }

  /// The changes in the order in which people read a model: layer 2 comes before layer 10.
  package var changesByPlace: [Change] {
    let changes = Dictionary(uniqueKeysWithValues: changes.map { ($0.tensor.name, $0) })
    return ChangeMap(self).cells.flatMap(\.tensors).compactMap { changes[$0.name] }
  }

  /// What relative updates are told in.
  package var updateUnit: PartUnit { ChangeMeasure.relativeUpdate.unit(in: ChangeMap(self)) }

  /// What there is to see, in three lines.
  var headline: [String] {
    let values = Dictionary(metadata.map { ($0.key, $0.value) }) { first, _ in first }
    var source = "The difference of two models"
    if let rate = values["learning_rate"] {
      let towards = direction.map { "towards \($0), " } ?? ""
      let factor = values["feature_factor"].map { "feature factor \($0), \(towards)" } ?? ""
      source = "GRADIEND, \(factor)learning rate \(rate)"
      if let part = values["part"], part != "decoder" { source += ", \(part)" }
    }
    if let error = values["max_relative_error"] { source += ", to a relative error of \(error)" }
    return [
      "What the patch changes",
      "\(Quantity.count(changedElementCount)) of \(Quantity.count(elementCount)) elements "
        + "(\(Quantity.share(changedElementCount, of: elementCount))), in \(changes.count) of "
        + "\(tensorCount) tensors",
      source,
    ]
  }

  /// The picture in words.
  var pictureDescription: String {
    var sentences = [
      "A table of layers by modules, each cell coloured on a logarithmic scale and with its number: "
        + (updates == nil
          ? "the share of elements that the patch changes."
          : "first the share of elements that the patch changes, then the RMS of the update relative "
            + "to that of the weights."),
      "\(headline[1]).",
    ]
    func share(_ change: Change) -> Double {
      Double(change.changedCount) / Double(max(1, change.tensor.elementCount))
    }
    if let most = changes.max(by: { share($0) < share($1) }) {
      sentences.append(
        "Most of all changes \(most.tensor.name), with "
          + "\(Quantity.share(most.changedCount, of: most.tensor.elementCount)) of its elements.")
    }
    return sentences.joined(separator: " ")
  }
}
