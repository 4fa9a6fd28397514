/// Numbers as people read them.
enum Quantity {
  /// Bytes in decimal units: `187.3 kB`.
  static func bytes(_ count: Int) -> String {
    var value = Double(count)
    var unit = "B"
    for larger in ["kB", "MB", "GB", "TB"] where value >= 1000 {
      value /= 1000
      unit = larger
    }
    return unit == "B" ? "\(count) B" : "\(decimal(value, digits: value < 100 ? 1 : 0)) \(unit)"
  }

  /// A count with its thousands set apart: `134,515,008`.
  static func count(_ count: Int) -> String {
    var groups: [String] = []
    var rest = String(count)[...]
    while rest.count > 3 {
      groups.insert(String(rest.suffix(3)), at: 0)
      rest = rest.dropLast(3)
    }
    return ([String(rest)] + groups).joined(separator: ",")
  }

  /// A share with three significant digits: `0.119 %`.
  static func share(_ part: Int, of whole: Int) -> String {
    guard whole > 0, part > 0 else { return "0 %" }
    let percent = 100 * Double(part) / Double(whole)
    var digits = 2
    var scale = percent
    while scale < 1, digits < 8 {
      scale *= 10
      digits += 1
    }
    return "\(decimal(percent, digits: percent >= 10 ? 1 : digits)) %"
  }

  /// A span of time: `42 s`, `3:07`, `1:02:09`.
  static func seconds(_ seconds: Double) -> String {
    let whole = Int(min(max(0, seconds), 1e9).rounded(.up))
    if whole < 60 { return "\(whole) s" }
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let (minutes, rest) = whole.quotientAndRemainder(dividingBy: 60)
    if minutes < 60 { return "\(minutes):\(two(rest))" }
    return "\(minutes / 60):\(two(minutes % 60)):\(two(rest))"
  }

  /// `value` with so many digits after the point.
  static func decimal(_ value: Double, digits: Int) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int((value * scale).rounded())
    guard digits > 0 else { return String(scaled) }
    let text = String(scaled)
    let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
    return "\(padded.dropLast(digits)).\(padded.suffix(digits))"
  }
}
