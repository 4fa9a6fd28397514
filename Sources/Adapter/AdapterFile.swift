internal import ByteIO

/// A file that takes the factors of layers, in any order.
protocol AdapterFile: Sendable {
  /// Where it is written, for messages.
  var path: String { get }
  /// Its length.
  var byteCount: Int { get }

  /// Writes the factors of a layer, by its position in the plan.
  func write(_ factors: LayerFactors, of number: Int) throws(SystemError)

  /// Writes what comes first, once all is known.
  func finish(_ summary: AdapterSummary) throws(SystemError)
}
