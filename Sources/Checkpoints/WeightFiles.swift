internal import ByteIO

/// Which files make up the checkpoint that a path names.
package enum WeightFiles {
  case file
  case folder(weights: String)
  case shards(index: String)

  /// Looks at `path`: a file is a checkpoint of its own; a folder holds `model.safetensors` or an
  /// index of shards, or a single file or index of another name. Patches are no weights.
  ///
  /// - Throws: ``CheckpointError`` if there is nothing, or no weights in a form that is read.
  static func locate(_ path: String) throws(CheckpointError) -> WeightFiles {
    let names = try CheckpointError.attributing(path) { () throws(SystemError) -> [String]? in
      try FileStatus(path: path).isFolder ? Folder.names(in: path) : nil
    }
    guard let names else { return .file }
    let weights = names.filter { $0.hasSuffix(".safetensors") }
    let indices = names.filter { $0.hasSuffix(".safetensors.index.json") }
    if weights.contains("model.safetensors") { return .folder(weights: "model.safetensors") }
    if indices.contains("model.safetensors.index.json") {
      return .shards(index: "model.safetensors.index.json")
    }
    if indices.count == 1 { return .shards(index: indices[0]) }
    let others = weights.filter { !isPatch(Folder.join(path, $0)) }
    if others.count == 1, indices.isEmpty { return .folder(weights: others[0]) }
    throw CheckpointError(path: path, .inconsistent(missing(names, others)))
  }

  /// Whether the folder at `path` holds the weights of a checkpoint.
  package static func areIn(_ path: String) -> Bool { (try? locate(path)) != nil }

  private static func isPatch(_ path: String) -> Bool {
    guard let file = try? MappedFile(path: path),
      let header = try? SafetensorsHeader(parsing: file.bytes)
    else { return false }
    return header.metadata.contains { ($0.key, $0.value) == Checkpoint.File.patchMark }
  }

  private static func missing(_ names: [String], _ weights: [String]) -> String {
    let expected = "no model.safetensors and no model.safetensors.index.json in this folder"
    if !weights.isEmpty { return expected + ", but several other weight files; name one of them" }
    if names.contains(where: { $0.hasSuffix(".gguf") }) {
      return expected + "; there are GGUF files, name one of them, or the first of a split set"
    }
    if names.contains(where: { PyTorchFile.isName($0) }) {
      return expected + ", only PyTorch files; save the model again with safe_serialization=True"
    }
    return expected
  }
}

/// Files that `torch.save` wrote, by their names.
package enum PyTorchFile {
  package static func isName(_ name: String) -> Bool {
    [".bin", ".pth", ".pt"].contains { name.hasSuffix($0) }
  }
}
