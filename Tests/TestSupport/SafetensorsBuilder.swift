/// Builds safetensors files, sound ones from tensors and unsound ones from any header text.
///
/// It writes JSON by itself, so that the reader under test is not measured by its own writer.
package struct SafetensorsBuilder {
  private var entries: [String] = []
  private var payload: [UInt8] = []

  package init() {}

  /// Appends a tensor whose type is spelled as in the header, such as `BF16`.
  package mutating func add(_ name: String, _ type: String, _ shape: [Int], _ bytes: [UInt8]) {
    let start = payload.count
    payload += bytes
    entries.append(
      #""\#(name)":{"dtype":"\#(type)","shape":\#(shape),"data_offsets":[\#(start),\#(payload.count)]}"#
    )
  }

  package mutating func add(_ name: String, shape: [Int], floats: [Float]) {
    add(name, "F32", shape, Self.littleEndian(floats.map(\.bitPattern)))
  }

  package mutating func add(metadata: [(key: String, value: String)]) {
    let members = metadata.map { key, value in
      #""\#(key)":"\#(value.replacing("\n", with: #"\n"#))""#
    }.joined(separator: ",")
    entries.append(#""__metadata__":{\#(members)}"#)
  }

  /// The header's JSON.
  package var header: String { "{" + entries.joined(separator: ",") + "}" }

  /// The whole file.
  package var bytes: [UInt8] { Self.file(header: header, payload: payload) }

  /// A file with this header, whatever it says, and this payload.
  package static func file(header: String, payload: [UInt8] = []) -> [UInt8] {
    let text = Array(header.utf8)
    return littleEndian([UInt64(text.count)]) + text + payload
  }

  /// The bytes of `values`, least significant first.
  package static func littleEndian<T: FixedWidthInteger>(_ values: [T]) -> [UInt8] {
    values.map(\.littleEndian).withUnsafeBytes { Array($0) }
  }
}
