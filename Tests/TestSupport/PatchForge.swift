internal import ByteIO

/// Patches with sound digests, whatever they say.
package struct PatchForge {
  package var metadata: [(key: String, value: String)] = [
    ("format", "gradiend-patch"), ("format_version", "1.0"), ("source", "gradiend"),
    ("feature_factor", "-1.0"), ("learning_rate", "0.01"), ("part", "decoder"),
    ("gradiend_digest", String(repeating: "ab", count: 16)),
    ("base_sha256", String(repeating: "0", count: 64) + "  model.safetensors"),
    ("result_sha256", String(repeating: "1", count: 64) + "  model.safetensors"),
    ("base_digest", String(repeating: "cd", count: 16)),
    ("result_digest", String(repeating: "ef", count: 16)),
    ("tensors", "2"), ("elements", "601"), ("changed_tensors", "1"), ("changed_elements", "7"),
  ]
  package var deltas: [UInt8] = [4, 0, 1, 2, 3]
  package var table = IndexTable()
  /// The frame of the result's layout, and what it is to be given; nil for a patch without layouts.
  package var layout: (frame: [UInt8], given: [UInt8])?
  /// Name and type of the first and of the second tensor.
  package var tensors = [("deltas", "U8"), ("index", "U8")]

  package init() {}

  /// The value of a key of the metadata.
  package subscript(key: String) -> String? {
    get { metadata.first { $0.key == key }?.value }
    set {
      let position = metadata.firstIndex { $0.key == key }
      switch (position, newValue) {
      case (let position?, let value?): metadata[position].value = value
      case (let position?, nil): metadata.remove(at: position)
      case (nil, let value?): metadata.append((key, value))
      case (nil, nil): break
      }
    }
  }

  package var bytes: [UInt8] {
    var table = table
    table.metadataDigest = Self.stored(Digest128(of: metadataBytes.rawSpan))
    table.deltasDigest = Self.stored(Digest128(of: deltas.rawSpan))
    return file(index: IndexTable.index(table.bytes))
  }

  /// The file with this in place of its index.
  package func file(index: [UInt8]) -> [UInt8] {
    var builder = SafetensorsBuilder()
    builder.add(metadata: metadata)
    builder.add(tensors[0].0, tensors[0].1, [deltas.count], deltas)
    if let layout { add(layout.frame, given: layout.given, to: &builder) }
    builder.add(tensors[1].0, tensors[1].1, [index.count], index)
    return builder.bytes
  }

  /// What the metadata digest is taken of: Formats/patch.md, section 4.
  private var metadataBytes: [UInt8] {
    metadata.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }.flatMap { entry in
      var bytes: [UInt8] = []
      for text in [entry.key, entry.value] {
        bytes.appendVariableLength(text.utf8.count)
        bytes += text.utf8
      }
      return bytes
    }
  }

  /// A tensor of one chunk: its name, type code, dimensions as they are stored, and bytes.
  package typealias Tensor = (name: String, type: UInt8, dimensions: [UInt8], bytes: [UInt8])

  /// What the table says of tensors.
  package static func tableDigests(_ tensors: [Tensor]) -> [UInt8] {
    tensors.flatMap { tensorDigest($0.bytes).prefix(4) }
  }

  /// What the metadata says of all tensors together.
  package static func digest(_ tensors: [Tensor]) -> String {
    var bytes: [UInt8] = []
    for tensor in tensors.sorted(by: { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }) {
      bytes.appendVariableLength(tensor.name.utf8.count)
      bytes += tensor.name.utf8
      bytes += [tensor.type, UInt8(tensor.dimensions.count)] + tensor.dimensions
      bytes += tensorDigest(tensor.bytes)
    }
    return "\(Digest128(of: bytes.rawSpan))"
  }

  private static func tensorDigest(_ bytes: [UInt8]) -> [UInt8] {
    let chunk = stored(Digest128(of: bytes.rawSpan))
    return stored(Digest128(of: chunk.rawSpan))
  }

  private func add(_ frame: [UInt8], given: [UInt8], to builder: inout SafetensorsBuilder) {
    var content = Self.stored(Digest128(of: given.rawSpan)) + Array(repeating: 0, count: 16)
    content.appendVariableLength(frame.count)
    content += frame + frame
    let digest = SafetensorsBuilder.littleEndian([Digest64(of: content.rawSpan).value])
    builder.add("layouts", "U8", [digest.count + content.count], digest + content)
  }

  private static func stored(_ digest: Digest128) -> [UInt8] {
    SafetensorsBuilder.littleEndian([digest.low, digest.high])
  }
}
