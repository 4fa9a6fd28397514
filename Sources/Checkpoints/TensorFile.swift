package import ByteIO

/// Named tensors over one mapped file, whichever of the two containers that file is.
package struct TensorFile: Sendable {
  package let file: MappedFile
  /// Safetensors in the order of their bytes, torch files in that of their dictionary.
  package let tensors: [TensorDescriptor]
  private let positions: [String: Int]

  package var path: String { file.path }

  /// Opens a file that is named as torch names its own as such, and any other as safetensors.
  ///
  /// - Throws: ``CheckpointError`` if it cannot be opened or is damaged.
  /// - Complexity: O(n log n) in the number of tensors, none of which is read.
  package init(path: String) throws(CheckpointError) {
    let file = try CheckpointError.attributing(path) { () throws(SystemError) in
      try MappedFile(path: path)
    }
    let tensors = try CheckpointError.attributing(path) { () throws(FormatError) in
      try PyTorchFile.isName(path)
        ? TorchFile(parsing: file.bytes).tensors : SafetensorsHeader(parsing: file.bytes).tensors
    }
    self.init(file: file, tensors: tensors)
  }

  private init(file: MappedFile, tensors: [TensorDescriptor]) {
    self.file = file
    self.tensors = tensors
    positions = Dictionary(
      uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  /// The tensor with this name.
  package subscript(name: String) -> TensorDescriptor? { positions[name].map { tensors[$0] } }
}
