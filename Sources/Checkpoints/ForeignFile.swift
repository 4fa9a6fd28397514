internal import ByteIO

/// What a file is that is not what its name claims.
package enum ForeignFile {
  /// What the file should be.
  package enum Expectation: String {
    case safetensors = "a safetensors file"
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
    if file.hasBytes(of: "GGUF") {
      return "this is a GGUF file, where \(expected.rawValue) is expected"
    }
    if expected == .torch {
      return isPickle(file) ? Self.oldTorchFile : nil
    }
    if file.hasBytes(of: "PK\u{3}\u{4}") || isPickle(file) {
      return "this is a PyTorch file, where a safetensors file is expected; "
        + "save the model again with safe_serialization=True"
    }
    return nil
  }

  private static let oldTorchFile =
    "this is a PyTorch file from before version 1.6, a bare pickle, which is not read; load it with "
    + "torch.load and save it again with torch.save"

  private static func isPickle(_ file: RawSpan) -> Bool {
    file.byteCount > 2 && file[byteAt: 0] == 0x80 && (2...5).contains(file[byteAt: 1])
      && file[byteAt: 2] != 0
  }
}
