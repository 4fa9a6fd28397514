internal import ByteIO
internal import PatchFormat

/// What a share of a model wrote (Formats/share.md, section 4).
struct ShareReceipt: Sendable {
  struct Tensor: Sendable {
    var name: String
    /// Of the base and of the result of each patch.
    var digests: [Digest128]
  }

  /// Positions among the model's files, and how many bytes each has.
  var files: [(number: Int, byteCount: Int)]
  /// As the patches name them.
  var tensors: [Tensor]
  /// Elements that differ from the input.
  var changedElementCount: Int

  /// The table.
  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendVariableLength(files.count)
    for file in files {
      bytes.appendVariableLength(file.number)
      bytes.appendVariableLength(file.byteCount)
    }
    bytes.appendVariableLength(tensors.count)
    for tensor in tensors {
      bytes.appendText(tensor.name)
      bytes.appendVariableLength(tensor.digests.count)
      for digest in tensor.digests { bytes.append(digest) }
    }
    bytes.appendVariableLength(changedElementCount)
    return bytes
  }
}

extension ShareReceipt {
  /// Reads a table.
  ///
  /// - Throws: ``FormatError``; its offset is that of `table`.
  init(parsing table: RawSpan) throws(FormatError) {
    var reader = ByteReader(table)
    files = try reader.readList { (reader) throws(FormatError) in
      (try reader.readFileNumber(), try reader.readVariableLength())
    }
    tensors = try reader.readList { (reader) throws(FormatError) in
      Tensor(
        name: try reader.readText(),
        digests: try reader.readList { (reader) throws(FormatError) in
          try reader.readDigest128()
        })
    }
    changedElementCount = try reader.readVariableLength()
    guard reader.isAtEnd else {
      throw .corrupt("the index goes on after its end", at: reader.position)
    }
  }
}
