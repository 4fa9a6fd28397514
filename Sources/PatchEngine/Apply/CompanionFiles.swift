internal import ByteIO
package import Checkpoints

/// What a model's folder holds besides the weights that a patch is for: configuration, tokenizer,
/// licence and the like.
package enum CompanionFiles {
  /// Paths in the folder of `input`, joined by `/`, sorted.
  ///
  /// Other weights stay behind, as they would be the base's under the name of the result, and so do
  /// subfolders with weights, which are models of their own. So do hidden files and links to folders,
  /// which lead elsewhere.
  ///
  /// - Throws: ``PatchError`` if a folder cannot be read.
  package static func names(of input: Checkpoint) throws(PatchError) -> [String] {
    guard input.isFolder else { return [] }
    return try names(in: input.path, "", besides: input.indexName)
  }

  private static func names(
    in path: String, _ prefix: String, besides index: String?
  ) throws(PatchError) -> [String] {
    let entries = try PatchError.opening { () throws(CheckpointError) in
      try CheckpointError.attributing(path) { () throws(SystemError) in
        try Folder.entries(in: path)
      }
    }
    if !prefix.isEmpty, entries.contains(where: { $0.kind == .file && isWeight($0.name) }) {
      return []
    }
    var names: [String] = []
    for entry in entries where entry.name.utf8.first != UInt8(ascii: ".") {
      let name = prefix + entry.name
      switch entry.kind {
      case .file where name == index || !isWeight(entry.name): names.append(name)
      case .folder:
        names += try self.names(in: Folder.join(path, entry.name), name + "/", besides: index)
      default: break
      }
    }
    return names
  }

  /// How weights of any framework are called, in whatever case, and with more behind it: an index, the
  /// number of a part, or what marks a copy.
  private static let endings: Set<Substring> = [
    "bin", "ckpt", "engine", "ggml", "gguf", "h5", "keras", "mlmodel", "msgpack", "nemo", "npz",
    "onnx", "onnx_data", "ot", "params", "pb", "pdiparams", "pdmodel", "pdopt", "pdparams", "pt",
    "pth", "safetensors", "tflite",
  ]

  private static func isWeight(_ name: String) -> Bool {
    let parts = name.lowercased().split(separator: ".").dropFirst()
    // A text in Portuguese is `README.pt.md`.
    guard let last = parts.last, last != "md" else { return false }
    return parts.contains(where: endings.contains)
  }
}
