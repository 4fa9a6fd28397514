internal import ByteIO
public import PatchEngine

extension PatchReport {
  /// A page on the patch, as one HTML file: its metadata, the picture, and a table of all tensors
  /// that can be sorted and searched.
  ///
  /// It asks for no other file. Without scripts, the table stands as it is.
  public var html: String {
    let rows = tensorRows
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width,initial-scale=1">
      <meta http-equiv="Content-Security-Policy" \
      content="default-src 'none';style-src 'unsafe-inline';\
      script-src 'sha256-\(Base64.text(Self.scriptDigest))'">
      <meta name="color-scheme" content="light dark">
      <title>\(headline[0]): \(headline[1])</title>
      <style>
      \(ChangePalette.style)
      \(ChangePalette.pictureStyle)
      \(PageParts.style)
      </style>
      </head>
      <body>
      <main>
      <h1>\(headline[0])</h1>
      <p>\(headline[1]).<br>\(headline[2].escapedForMarkup).\(rounding)</p>
      <h2>Where the change is</h2>
      \(pictureFigure)
      <h2>By layer and module</h2>
      <div class="panels">
      \(figures)
      </div>
      <h2 id="tensors">By tensor</h2>
      <p class="search" hidden><label for="filter">Show only names with</label> \
      <input id="filter" type="search" autocomplete="off" spellcheck="false"> \
      <output id="count" for="filter"></output></p>
      <div class="scroll" role="region" aria-labelledby="tensors" tabindex="0">
      <table id="table">
      <thead><tr>\(columns.map { "<th scope=\"col\">\($0)</th>" }.joined())</tr></thead>
      <tbody>
      \(rows.joined(separator: "\n"))
      </tbody>
      </table>
      </div>
      <h2>What the patch says of itself</h2>
      <dl>
      \(facts.joined(separator: "\n"))
      </dl>
      </main>
      <script>\(PageParts.script)</script>
      </body>
      </html>

      """
  }

  private var rounding: String {
    kept.map { "<br>Rounded to the base's types, the update keeps \($0.escapedForMarkup)." } ?? ""
  }

  private var pictureFigure: String {
    let picture = self.picture
    return "<svg class=\"map picture\" viewBox=\"0 0 \(ChangePicture.width) \(picture.height)\" "
      + "width=\"\(ChangePicture.width)\" height=\"\(picture.height)\" role=\"img\" aria-label=\""
      + "\(pictureDescription.escapedForMarkup)\">\n\(picture.markup)</svg>"
  }

  /// Names the one script that may run.
  private static var scriptDigest: [UInt8] {
    let digest = SHA256()
    digest.update(Array(PageParts.script.utf8).rawSpan)
    return Base64.bytes(hexadecimal: digest.finish())
  }

  private var figures: String {
    panels.map { panel in
      "<svg class=\"map\" viewBox=\"0 0 \(panel.width) \(panel.height)\" width=\"\(panel.width)\" "
        + "height=\"\(panel.height)\" role=\"img\" aria-label=\""
        + "\(panelDescription.escapedForMarkup) The table below has all numbers.\">\n"
        + panel.markup + "</svg>"
    }.joined(separator: "\n")
  }

  private var columns: [String] {
    ["tensor", "type", "shape", "elements", "changed", "share"]
      + (updates == nil ? [] : ["update RMS", "update / weights, \(updateUnit.name)"])
      + ["patch bytes"]
  }

  /// A row for each tensor, those that stay included, in the order of the picture. Where a cell has
  /// more than a few, such as the experts of a layer, it is one row: a page of 18,432 would take long.
  private var tensorRows: [String] {
    let changes = Dictionary(uniqueKeysWithValues: changes.map { ($0.tensor.name, $0) })
    let unit = updateUnit
    return ChangeMap(self).cells.flatMap { cell in
      cell.tensors.count > Self.groupLimit
        ? [row(cell.tensors, of: cell, changes, unit)]
        : cell.tensors.map { row([$0], of: cell, changes, unit) }
    }
  }

  private static let groupLimit = 4

  private func row(
    _ tensors: [TensorReport], of cell: ChangeMap.Cell, _ changes: [String: Change],
    _ unit: PartUnit
  ) -> String {
    let parts = tensors.compactMap { changes[$0.name] }
    let elementCount = tensors.reduce(0) { $0 + $1.elementCount }
    let changedCount = parts.reduce(0) { $0 + $1.changedCount }
    let share = Double(changedCount) / Double(max(1, elementCount))
    let first = tensors[0]
    let name = tensors.count == 1 ? first.name : "\(first.name) … \(tensors.count) tensors"
    let shapes = Set(tensors.map(\.shape))
    let types = Set(tensors.map(\.elementType))
    var cells = [
      "<th scope=\"row\">\(Self.breakable(name))</th>",
      "<td>\(types.count == 1 ? first.elementType : "…")</td>",
      "<td>\(shapes.count == 1 ? first.shape.map(String.init).joined(separator: " × ") : "…")</td>",
      Self.number(Quantity.count(elementCount)),
      Self.number(Quantity.count(changedCount)),
      Self.number(Quantity.share(share), value: share),
    ]
    if let updates {
      let update = tensors.count == 1 ? updates[first.name] : cell.update
      let rms = update.map {
        Self.number(Quantity.scientific($0.updateRMS, digits: 2), value: $0.updateRMS)
      }
      let relative = update.map {
        let value = $0.relative ?? .infinity
        return Self.number(unit.precise(value), value: value)
      }
      cells += [rms ?? "<td></td>", relative ?? "<td></td>"]
    }
    cells.append(Self.number(Quantity.count(parts.reduce(0) { $0 + $1.byteCount })))
    return "<tr>\(cells.joined())</tr>"
  }

  private static func number(_ text: String, value: Double? = nil) -> String {
    // Not as Swift, but as JavaScript spells it.
    let value = value.map { " data-value=\"\($0.isFinite ? "\($0)" : "Infinity")\"" } ?? ""
    return "<td class=\"number\"\(value)>\(text)</td>"
  }

  /// A name that may go on in the next line after each of its parts.
  private static func breakable(_ name: String) -> String {
    name.escapedForMarkup.split(separator: ".", omittingEmptySubsequences: false)
      .joined(separator: ".<wbr>")
  }

  private var facts: [String] {
    metadata.map { datum in
      let lines = datum.value.split(separator: "\n", omittingEmptySubsequences: false).map {
        String($0).escapedForMarkup
      }
      return "<dt>\(datum.key.escapedForMarkup)</dt><dd>\(lines.joined(separator: "<br>"))</dd>"
    }
  }
}
