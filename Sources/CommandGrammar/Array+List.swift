extension [String] {
  /// The elements as a sentence counts them: `a`, `a and b`, `a, b and c`.
  func listed(by conjunction: String) -> String {
    guard count > 1, let last else { return first ?? "" }
    return "\(dropLast().joined(separator: ", ")) \(conjunction) \(last)"
  }
}
