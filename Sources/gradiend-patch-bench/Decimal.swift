/// Numbers as people read them.
enum Decimal {
  /// `value` with so many digits after the point.
  static func text(_ value: Double, digits: Int) -> String {
    let scale = (0..<digits).reduce(1.0) { scale, _ in 10 * scale }
    let scaled = String(Int((value.magnitude * scale).rounded()))
    let padded = String(repeating: "0", count: max(0, digits + 1 - scaled.count)) + scaled
    let sign = value < 0 ? "-" : ""
    guard digits > 0 else { return sign + padded }
    return "\(sign)\(padded.dropLast(digits)).\(padded.suffix(digits))"
  }

  /// A count with its thousands set apart: `134,515,008`.
  static func count(_ count: Int) -> String {
    var groups: [Substring] = []
    var rest = String(count)[...]
    while rest.count > 3 {
      groups.insert(rest.suffix(3), at: 0)
      rest = rest.dropLast(3)
    }
    return ([rest] + groups).joined(separator: ",")
  }

  /// Memory in MiB.
  static func mebibytes(_ byteCount: Int) -> String {
    text(Double(byteCount) / 1_048_576, digits: 0) + " MiB"
  }

  /// A time with three significant digits, seconds understood.
  static func seconds(_ seconds: Double) -> String {
    text(seconds, digits: seconds < 10 ? 3 : seconds < 100 ? 2 : 1) + " s"
  }
}
