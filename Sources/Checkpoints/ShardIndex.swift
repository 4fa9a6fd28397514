internal import ByteIO

/// A `model.safetensors.index.json`: which shard holds which tensor.
struct ShardIndex {
  let path: String
  /// Tensor name to shard name, every shard a bare file name.
  let shardNames: [String: String]

  /// Reads the index at `path`.
  ///
  /// - Throws: ``CheckpointError`` if it is not such an index, or a shard's name leads out of the
  ///   folder.
  init(path: String) throws(CheckpointError) {
    self.path = path
    let file = try CheckpointError.attributing(path) { () throws(SystemError) in
      try MappedFile(path: path)
    }
    shardNames = try CheckpointError.attributing(path) { () throws(FormatError) in
      if let foreign = ForeignFile.describe(file.bytes) {
        throw FormatError(offset: 0, reason: .notThisFormat(foreign))
      }
      return try Self.shardNames(in: file.bytes)
    }
    guard !shardNames.isEmpty else {
      throw CheckpointError(path: path, .inconsistent("it has no weight_map"))
    }
  }

  /// What the `weight_map` says; empty if there is none.
  private static func shardNames(in text: RawSpan) throws(FormatError) -> [String: String] {
    let limit = SafetensorsHeader.byteCountLimit
    guard text.byteCount <= limit else {
      throw .limitExceeded("an index has at most \(limit) bytes, not \(text.byteCount)", at: 0)
    }
    var shardNames: [String: String] = [:]
    // Each name once, however many tensors lie in the file.
    var shards: Set<String> = []
    try JSONValue.forEachMember(of: text, in: 0..<text.byteCount) {
      (key, range) throws(FormatError) in
      guard key == "weight_map", text.hasBytes(of: "{", at: range.lowerBound) else {
        _ = try JSONValue(parsingMember: text, in: range)
        return
      }
      try JSONValue.forEachMember(of: text, in: range) { (name, range) throws(FormatError) in
        guard let shard = try JSONValue(parsingMember: text, in: range).string,
          Folder.isBareName(shard)
        else {
          throw .corrupt(
            "tensor '\(name)' is not given a file of the same folder", at: range.lowerBound)
        }
        try Checkpoint.checkTensorCount(shardNames.count + 1, at: range.lowerBound)
        shardNames[name] = shards.insert(shard).memberAfterInsert
      }
    }
    return shardNames
  }

  /// The shards, sorted by name, each once.
  var files: [String] { Set(shardNames.values).sorted() }

  /// Checks that the index and the shards hold the same tensors.
  ///
  /// - Throws: ``CheckpointError`` naming the first tensor that is missing, extra or elsewhere.
  func check(_ tensors: [String: String]) throws(CheckpointError) {
    for (name, shard) in shardNames.sorted(by: { $0.key < $1.key }) {
      guard let holder = tensors[name] else {
        throw CheckpointError(
          path: path, .inconsistent("tensor '\(name)' is not in \(shard), nor in any other shard"))
      }
      guard holder == shard else {
        throw CheckpointError(
          path: path, .inconsistent("tensor '\(name)' is in \(holder), not in \(shard)"))
      }
    }
    if let extra = tensors.keys.sorted().first(where: { shardNames[$0] == nil }) {
      throw CheckpointError(
        path: path,
        .inconsistent("tensor '\(extra)' is in \(tensors[extra] ?? ""), but not in the index"))
    }
  }
}
