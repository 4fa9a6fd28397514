/// A page of the manual, in the language of `man`.
struct ManualPage {
  private var lines: [String]

  /// - Parameters:
  ///   - name: What the page is found by.
  ///   - purpose: One sentence.
  ///   - source: Program and version.
  ///   - date: Of that version.
  init(name: String, purpose: String, source: String, date: String) {
    lines = [
      // Neither a hyphen is put into a word, which may be typed, nor blanks between words.
      ".TH \(Self.quoted(name.uppercased())) 1 \(Self.quoted(date)) \(Self.quoted(source)) "
        + "\"User Commands\"",
      ".nh", ".ad l",
    ]
    addHeading("NAME")
    let sentence = purpose.hasSuffix(".") ? String(purpose.dropLast()) : purpose
    let phrase = sentence.prefix(1).lowercased() + sentence.dropFirst()
    lines += ["\(Self.escaped(name)) \\-"] + Self.filled(phrase)
  }

  /// Without a newline at the end.
  var text: String { lines.joined(separator: "\n") }

  mutating func addHeading(_ title: String) { lines.append(".SH \(Self.quoted(title))") }

  /// Adds what to type: `command` as it is, each of `pieces` with placeholders set apart.
  mutating func addSynopsis(_ command: String, _ pieces: [String]) {
    addHeading("SYNOPSIS")
    lines.append("\\fB\(Self.escaped(command))\\fR")
    lines += pieces.map(Self.styled)
  }

  mutating func addParagraphs(_ text: String) {
    for paragraph in text.split(separator: "\n\n") { addParagraph(String(paragraph)) }
  }

  private mutating func addParagraph(_ text: String) {
    // A heading begins a paragraph by itself.
    if lines.last?.hasPrefix(".SH ") == false { lines.append(".PP") }
    lines += Self.filled(text)
  }

  /// Adds terms and what they mean; nothing if there are no rows.
  ///
  /// Terms are names, or hold placeholders in capitals.
  mutating func addTable(
    _ title: String, _ rows: [(term: String, meaning: String)], holdsPlaceholders: Bool = false
  ) {
    guard !rows.isEmpty else { return }
    addHeading(title)
    for row in rows {
      let term = holdsPlaceholders ? Self.styled(row.term) : "\\fB\(Self.escaped(row.term))\\fR"
      lines += [".TP", term] + Self.filled(row.meaning)
    }
  }

  mutating func addExamples(_ examples: [CommandExample]) {
    // Fits a terminal of 60 columns with the margins of man.
    let page = HelpPage(width: 46)
    guard !examples.isEmpty else { return }
    addHeading("EXAMPLES")
    for example in examples {
      let purpose = example.purpose.prefix(1).uppercased() + example.purpose.dropFirst()
      addParagraph("\(purpose):")
      lines += [".PP", ".RS 4", ".nf"]
      lines += page.exampleLines(example).map(Self.escaped)
      lines += [".fi", ".RE"]
    }
  }

  mutating func addReferences(_ names: [String]) {
    guard !names.isEmpty else { return }
    addHeading("SEE ALSO")
    lines.append(names.map { "\\fB\(Self.escaped($0))\\fR(1)" }.joined(separator: ",\n"))
  }

  // MARK: Text

  /// Lines of moderate length, which a typesetter fills anew.
  private static func filled(_ text: String) -> [String] {
    HelpPage(width: 72).wrap(HelpPage.words(text)).map(escaped)
  }

  private static func quoted(_ text: String) -> String {
    let parts = text.split(separator: "\"", omittingEmptySubsequences: false)
    return "\"" + parts.map { escaped(String($0)) }.joined(separator: "\\(dq") + "\""
  }

  /// Placeholders, which are in capitals, in italics and the rest, which is typed, in bold.
  private static func styled(_ text: String) -> String {
    var pieces: [(isPlaceholder: Bool?, text: String)] = []
    for character in text {
      let isPlaceholder: Bool? =
        character.isUppercase ? true : character.isLowercase || character == "-" ? false : nil
      if let last = pieces.indices.last, pieces[last].isPlaceholder == isPlaceholder {
        pieces[last].text.append(character)
      } else {
        pieces.append((isPlaceholder, String(character)))
      }
    }
    let line = pieces.map { piece in
      let text = escaped(piece.text)
      return piece.isPlaceholder.map { $0 ? "\\fI\(text)\\fR" : "\\fB\(text)\\fR" } ?? text
    }
    return line.joined()
  }

  /// Characters that troff would take for its own, or turn into prettier ones that no shell knows.
  private static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\e"
      case "-": result += "\\-"
      case "'": result += "\\(aq"
      case "`": result += "\\(ga"
      case "^": result += "\\(ha"
      case "~": result += "\\(ti"
      case ".": result += result.isEmpty ? "\\&." : "."
      case _ where scalar.isASCII: result.unicodeScalars.append(scalar)
      default:
        let code = String(scalar.value, radix: 16, uppercase: true)
        result += "\\[u\(String(repeating: "0", count: max(0, 4 - code.count)))\(code)]"
      }
    }
    return result
  }
}
