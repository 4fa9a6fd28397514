// Numbers that come from a file are added and multiplied by these alone, until they are bounded by the
// bytes that are there.

extension Int {
  /// The sum, or nil if it overflows.
  package func plus(_ other: Int) -> Int? {
    let (sum, overflows) = addingReportingOverflow(other)
    return overflows ? nil : sum
  }
}

extension Sequence<Int> {
  /// The product, or nil if a factor is negative or the product of those that are not 0 overflows:
  /// whether it does must not depend on the order of factors, so a zero cannot hide it.
  package var checkedProduct: Int? {
    var product = 1
    for factor in self where factor != 0 {
      let (next, overflows) = product.multipliedReportingOverflow(by: factor)
      guard factor > 0, !overflows else { return nil }
      product = next
    }
    return contains(0) ? 0 : product
  }
}
