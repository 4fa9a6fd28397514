/// Codes of four bits in bytes, with a text of what has to be known of them, in base and result: as
/// bitsandbytes writes them.
package struct QuantisedPair {
  /// The text, in the base and in the result.
  package var texts = (base: #"{"nested_offset": 0.06}"#, result: #"{"nested_offset": 0.0612345}"#)
  package var metadata = "pt"
  private let codes: [UInt8]

  package init(seed: UInt64 = 1) {
    var generator = SeededGenerator(seed: seed)
    codes = (0..<4_000).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
  }

  /// The name of the tensor that holds the text.
  package static let text = "layers.0.weight.quant_state.bitsandbytes__nf4"

  package var base: [UInt8] { file(texts.base, step: 0) }
  package var result: [UInt8] { file(texts.result, step: 1) }

  private func file(_ text: String, step: UInt8) -> [UInt8] {
    var builder = SafetensorsBuilder()
    builder.add(metadata: [("format", metadata)])
    let changed = codes.enumerated().map { $0 % 500 == 3 ? $1 ^ step : $1 }
    builder.add("layers.0.weight", "U8", [codes.count, 1], changed)
    builder.add(Self.text, "U8", [text.utf8.count], Array(text.utf8))
    builder.add("norm.weight", "BF16", [2], [0, 0x3F, step, 0x3F])
    return builder.bytes
  }
}
