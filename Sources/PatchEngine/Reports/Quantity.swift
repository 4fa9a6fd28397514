/// Numbers as people read them.
package enum Quantity {
  /// Bytes in decimal units: `187.3 kB`.
  package static func bytes(_ count: Int) -> String {
    var value = Double(count)
    var unit = "B"
    for larger in ["kB", "MB", "GB", "TB"] where value >= 1000 {
      value /= 1000
      unit = larger
    }
    return unit == "B" ? "\(count) B" : "\(decimal(value, digits: value < 100 ? 1 : 0)) \(unit)"
  }

  /// A count with its thousands set apart: `134,515,008`.
  package static func count(_ count: Int) -> String {
    var groups: [String] = []
    var rest = String(count)[...]
    while rest.count > 3 {
      groups.insert(String(rest.suffix(3)), at: 0)
      rest = rest.dropLast(3)
    }
    return ([String(rest)] + groups).joined(separator: ",")
  }

  /// A share with three significant digits: `0.119 %`.
  package static func share(_ part: Int, of whole: Int) -> String {
    share(whole > 0 ? Double(part) / Double(whole) : 0)
  }

  /// Likewise, of a part of 1.
  package static func share(_ part: Double) -> String {
    guard part < 1e6 else { return "more than 100,000,000 %" }
    return "\(significant(100 * part)) %"
  }

  /// Three significant digits of a number that is not negative, or more before the point.
  package static func significant(_ value: Double) -> String {
    guard value > 0 else { return "0" }
    guard value < 1e12 else { return scientific(value, digits: 2) }
    var digits = 2
    var scale = value
    while scale < 1, digits < 8 {
      scale *= 10
      digits += 1
    }
    return decimal(value, digits: value >= 1000 ? 0 : value >= 10 ? 1 : digits)
  }

  /// A number that is not negative as a mantissa with so many digits after the point, and a power
  /// of ten: `8.23e-6`.
  package static func scientific(_ value: Double, digits: Int) -> String {
    guard value > 0 else { return "0" }
    guard value.isFinite else { return "∞" }
    var (mantissa, exponent) = (value, 0)
    while mantissa >= 10 {
      mantissa /= 10
      exponent += 1
    }
    while mantissa < 1 {
      mantissa *= 10
      exponent -= 1
    }
    let text = decimal(mantissa, digits: digits)
    // What rounds to ten is one of the next power.
    guard text.hasPrefix("10") else { return "\(text)e\(exponent)" }
    return "\(decimal(1, digits: digits))e\(exponent + 1)"
  }

  /// A span of time: `42 s`, `3:07`, `1:02:09`.
  package static func seconds(_ seconds: Double) -> String {
    let whole = Int(min(max(0, seconds), 1e9).rounded(.up))
    if whole < 60 { return "\(whole) s" }
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let (minutes, rest) = whole.quotientAndRemainder(dividingBy: 60)
    if minutes < 60 { return "\(minutes):\(two(rest))" }
    return "\(minutes / 60):\(two(minutes % 60)):\(two(rest))"
  }

  /// `value` with so many digits after the point, as far as it is a number that has them.
  package static func decimal(_ value: Double, digits: Int) -> String {
    guard abs(value) < 1e9 else { return "\(value)" }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int((value * scale).rounded())
    guard digits > 0 else { return String(scaled) }
    let text = String(scaled)
    let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
    return "\(padded.dropLast(digits)).\(padded.suffix(digits))"
  }
}
