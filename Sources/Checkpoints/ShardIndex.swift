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
    let document = try CheckpointError.attributing(path) { () throws(FormatError) in
      if let foreign = ForeignFile.describe(file.bytes) {
        throw FormatError(offset: 0, reason: .notThisFormat(foreign))
      }
      return try JSONValue(parsing: file.bytes)
    }
    guard let entries = document["weight_map"]?.members, !entries.isEmpty else {
      throw CheckpointError(path: path, .inconsistent("it has no weight_map"))
    }
    var shardNames: [String: String] = [:]
    for entry in entries {
      guard let shard = entry.value.string, Folder.isBareName(shard) else {
        throw CheckpointError(
          path: path,
          .inconsistent("tensor '\(entry.key)' is not given a file of the same folder"))
      }
      shardNames[entry.key] = shard
    }
    self.shardNames = shardNames
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
