public import PatchEngine

extension PatchReport {
  /// A picture of where in the model the patch changes it, as an SVG file: layers across, modules down.
  ///
  /// If the update was measured against the base, shades tell its RMS relative to that of the weights,
  /// and bars how much of its squared norm each layer has; otherwise both count the elements that
  /// differ. It suits light and dark pages, phones and paper, asks for no other file, and is the same
  /// for the same patch.
  public var svg: String {
    let picture = self.picture
    let header = 27 + 23 * headline.count
    let margin = 14
    let (width, height) = (ChangePicture.width + 2 * margin, header + picture.height + margin)
    let lines = headline.enumerated().map { position, line in
      let style = position == 0 ? "headline" : "muted"
      return "<text class=\"\(style)\" x=\"\(margin)\" y=\"\(30 + 23 * position)\">"
        + "\(ChangePanel.shortened(line, to: 72).escapedForMarkup)</text>"
    }
    return """
      <svg xmlns="http://www.w3.org/2000/svg" class="map picture" width="\(width)" \
      height="\(height)" viewBox="0 0 \(width) \(height)" role="img" \
      aria-labelledby="title description">
      <title id="title">\(headline[0].escapedForMarkup)</title>
      <desc id="description">\(pictureDescription.escapedForMarkup)</desc>
      <style>
      \(ChangePalette.style)
      \(ChangePalette.pictureStyle)
      </style>
      <rect class="paper" width="\(width)" height="\(height)"/>
      \(lines.joined(separator: "\n"))
      <g transform="translate(\(margin),\(header))">
      \(picture.markup)</g>
      </svg>

      """
  }

  /// The picture without its headline.
  var picture: ChangePicture {
    let map = ChangeMap(self)
    return ChangePicture(
      map, ChangeShares(map, isMeasured: updates != nil), updates == nil ? .share : .relativeUpdate)
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

  /// What there is to see: two lines, and one for each GRADIEND, but for those that would be too many.
  var headline: [String] {
    let values = Dictionary(metadata.map { ($0.key, $0.value) }) { first, _ in first }
    let shown = additions.prefix(additions.count > 6 ? 5 : 6)
    var sources = shown.enumerated().map { position, addition in
      let towards = addition.direction.map { "towards \($0), " } ?? ""
      let factor = addition.featureFactors.map { "feature factor \($0), \(towards)" } ?? ""
      let part = values["part"].flatMap { $0 == "decoder" ? nil : ", \($0)" } ?? ""
      let name = additions.count > 1 ? "GRADIEND \(position + 1)" : "GRADIEND"
      return "\(name), \(factor)learning rate \(addition.learningRate)\(part)"
    }
    if shown.count < additions.count {
      sources.append("and \(additions.count - shown.count) more GRADIENDs")
    }
    if sources.isEmpty { sources = ["The difference of two models"] }
    if let error = values["max_relative_error"] {
      sources[sources.count - 1] += ", to a relative error of \(error)"
    }
    return [
      "What the patch changes",
      "\(Quantity.count(changedElementCount)) of \(Quantity.count(elementCount)) elements "
        + "(\(Quantity.share(changedElementCount, of: elementCount))), in \(changes.count) of "
        + "\(tensorCount) tensors",
    ] + sources
  }

  /// The picture in words.
  var pictureDescription: String {
    let shown =
      updates == nil
      ? "the share of elements that the patch changes"
      : "the RMS of the update relative to that of the weights"
    let sentence = ChangeShares(ChangeMap(self), isMeasured: updates != nil).sentence
    return
      "Layers across, modules down, each cell shaded on a logarithmic scale by \(shown), and a bar "
      + "for each layer. \(headline[1]). \(sentence)."
  }

  /// The tables of the page in words.
  var panelDescription: String {
    "A table of layers by modules, each cell coloured on a logarithmic scale and with its number."
  }
}
