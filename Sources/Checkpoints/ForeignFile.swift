internal import ByteIO

/// What a file is that is not what its name claims.
package enum ForeignFile {
  /// What the file should be.
  package enum Expectation: String, Sendable {
    case safetensors = "a safetensors file"
    case gguf = "a GGUF file"
    case torch = "a PyTorch file"
  }

  /// The kinds that people meet in place of a weight file, recognised by their first bytes.
  ///
  /// - Returns: what the file is and what to do about it, or nil if it is none of them.
  package static func describe(
    _ file: RawSpan, expected: Expectation = .safetensors
  ) -> String? {
    if file.byteCount == 0 { return "the file is empty; download it again" }
    if file.hasBytes(of: "version https://git-lfs") {
      return "this is a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'"
    }
    if file.hasBytes(of: "<!") || file.hasBytes(of: "<html") || file.hasBytes(of: "<?xml") {
      return "this is a web page, not a model file; the download went wrong"
    }
    if expected != .gguf, file.hasBytes(of: "GGUF") {
      return "this is a GGUF file, where \(expected.rawValue) is expected"
    }
    if expected == .torch {
      return isPickle(file) ? oldTorchFile : nil
    }
    if file.hasBytes(of: "PK\u{3}\u{4}") || isPickle(file) {
      return "this is a PyTorch file, where \(expected.rawValue) is expected; "
        + "save the model again with safe_serialization=True"
    }
    for (magic, name) in oldContainers where file.hasBytes(of: magic) {
      return
        "this is a file in the old \(name) container, which GGUF replaced; convert the model again"
    }
    return nil
  }

  private static let oldTorchFile =
    "this is a PyTorch file from before version 1.6, a bare pickle, which is not read; load it with "
    + "torch.load and save it again with torch.save"

  /// The predecessors of GGUF, by the bytes at their start.
  private static let oldContainers = [
    ("lmgg", "GGML"), ("fmgg", "GGMF"), ("tjgg", "GGJT"), ("algg", "GGLA"),
  ]

  private static func isPickle(_ file: RawSpan) -> Bool {
    file.byteCount > 2 && file[byteAt: 0] == 0x80 && (2...5).contains(file[byteAt: 1])
      && file[byteAt: 2] != 0
  }
}
