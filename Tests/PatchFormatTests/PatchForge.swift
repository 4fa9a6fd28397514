import ByteIO
import TestSupport

/// Patches with sound digests, whatever they say.
struct PatchForge {
  var metadata: [(key: String, value: String)] = [
    ("format", "gradiend-patch"), ("format_version", "1.0"), ("source", "gradiend"),
    ("feature_factor", "-1.0"), ("learning_rate", "0.01"), ("part", "decoder"),
    ("gradiend_digest", String(repeating: "ab", count: 16)),
    ("base_sha256", String(repeating: "0", count: 64) + "  model.safetensors"),
    ("result_sha256", String(repeating: "1", count: 64) + "  model.safetensors"),
    ("base_digest", String(repeating: "cd", count: 16)),
    ("result_digest", String(repeating: "ef", count: 16)),
    ("tensors", "2"), ("elements", "601"), ("changed_tensors", "1"), ("changed_elements", "7"),
  ]
  var deltas: [UInt8] = [4, 0, 1, 2, 3]
  var table = IndexTable()
  /// Name and type of the first and of the second tensor.
  var tensors = [("deltas", "U8"), ("index", "U8")]

  /// The value of a key of the metadata.
  subscript(key: String) -> String? {
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

  var bytes: [UInt8] {
    var table = table
    table.metadataDigest = Self.stored(Digest128(of: metadataBytes.rawSpan))
    table.deltasDigest = Self.stored(Digest128(of: deltas.rawSpan))
    return file(index: IndexTable.index(table.bytes))
  }

  /// The file with this in place of its index.
  func file(index: [UInt8]) -> [UInt8] {
    var builder = SafetensorsBuilder()
    builder.add(metadata: metadata)
    builder.add(tensors[0].0, tensors[0].1, [deltas.count], deltas)
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

  private static func stored(_ digest: Digest128) -> [UInt8] {
    SafetensorsBuilder.littleEndian([digest.low, digest.high])
  }
}
