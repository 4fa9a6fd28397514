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
      content="default-src 'none';style-src 'unsafe-inline';script-src 'unsafe-inline'">
      <meta name="color-scheme" content="light dark">
      <title>\(headline[0]): \(headline[1])</title>
      <style>
      \(ChangePalette.style)
      \(PageParts.style)
      </style>
      </head>
      <body>
      <main>
      <h1>\(headline[0])</h1>
      <p>\(headline[1]).<br>\(headline[2].escapedForMarkup).</p>
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
      <script>
      \(PageParts.script)
      </script>
      </body>
      </html>

      """
  }

  private var figures: String {
    panels.map { panel in
      "<svg class=\"map\" viewBox=\"0 0 \(panel.width) \(panel.height)\" width=\"\(panel.width)\" "
        + "height=\"\(panel.height)\" role=\"img\" aria-label=\""
        + "\(pictureDescription.escapedForMarkup) The table below has all numbers.\">\n"
        + panel.markup + "</svg>"
    }.joined(separator: "\n")
  }

  private var columns: [String] {
    ["tensor", "type", "shape", "elements", "changed", "share"]
      + (updates == nil ? [] : ["update RMS", "update / weights, \(updateUnit.name)"])
      + ["patch bytes"]
  }

  /// A row for each tensor, those that stay included, in the order of the picture.
  private var tensorRows: [String] {
    let changes = Dictionary(uniqueKeysWithValues: changes.map { ($0.tensor.name, $0) })
    let unit = updateUnit
    return ChangeMap(self).cells.flatMap(\.tensors).map { tensor in
      let change = changes[tensor.name]
      let changedCount = change?.changedCount ?? 0
      let share = Double(changedCount) / Double(max(1, tensor.elementCount))
      var cells = [
        "<th scope=\"row\">\(Self.breakable(tensor.name))</th>",
        "<td>\(tensor.elementType)</td>",
        "<td>\(tensor.shape.map(String.init).joined(separator: " × "))</td>",
        Self.number(Quantity.count(tensor.elementCount)),
        Self.number(Quantity.count(changedCount)),
        Self.number(Quantity.share(share), value: share),
      ]
      if let updates {
        let update = updates[tensor.name]
        let rms = update.map {
          Self.number(Quantity.scientific($0.updateRMS, digits: 2), value: $0.updateRMS)
        }
        let relative = update.map {
          let value = $0.relative ?? .infinity
          return Self.number(unit.precise(value), value: value)
        }
        cells += [rms ?? "<td></td>", relative ?? "<td></td>"]
      }
      cells.append(Self.number(Quantity.count(change?.byteCount ?? 0)))
      return "<tr>\(cells.joined())</tr>"
    }
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
      let lines = datum.value.split(separator: "\n").map { String($0).escapedForMarkup }
      return "<dt>\(datum.key.escapedForMarkup)</dt><dd>\(lines.joined(separator: "<br>"))</dd>"
    }
  }
}
