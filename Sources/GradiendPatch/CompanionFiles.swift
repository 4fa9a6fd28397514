internal import ByteIO
internal import Checkpoints

/// What a model's folder holds besides the weights that a patch is for: configuration, tokenizer,
/// licence and the like.
enum CompanionFiles {
  /// Paths in the folder of `input`, joined by `/`, sorted.
  ///
  /// Other weights stay behind, as they would be the base's under the name of the result. So do
  /// hidden files and links to folders, which lead elsewhere.
  ///
  /// - Throws: ``PatchError`` if a folder cannot be read.
  static func names(of input: Checkpoint) throws(PatchError) -> [String] {
    guard input.isFolder else { return [] }
    return try names(in: "", of: input)
  }

  private static func names(
    in subfolder: String, of input: Checkpoint
  ) throws(PatchError) -> [String] {
    let path = Folder.join(input.path, subfolder)
    let entries = try PatchError.opening { () throws(CheckpointError) in
      try CheckpointError.attributing(path) { () throws(SystemError) in
        try Folder.entries(in: path)
      }
    }
    var names: [String] = []
    for entry in entries where entry.name.utf8.first != UInt8(ascii: ".") {
      let name = subfolder.isEmpty ? entry.name : subfolder + "/" + entry.name
      switch entry.kind {
      case .file where !isWeight(name, of: input): names.append(name)
      case .folder: names += try self.names(in: name, of: input)
      default: break
      }
    }
    return names
  }

  private static func isWeight(_ name: String, of input: Checkpoint) -> Bool {
    let endings = [
      ".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".pth", ".ckpt",
      ".gguf", ".h5", ".msgpack", ".onnx", ".onnx_data", ".tflite",
    ]
    return name != input.indexName && endings.contains { name.hasSuffix($0) }
  }
}
