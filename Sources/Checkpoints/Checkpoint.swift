package import ByteIO

/// The weights of a model: named tensors over the bytes of one or more mapped files.
package struct Checkpoint: Sendable {
  /// A tensor and the file it lies in.
  package struct Tensor: Sendable {
    package let descriptor: TensorDescriptor
    /// Position in ``Checkpoint/files``.
    package let fileIndex: Int

    package init(descriptor: TensorDescriptor, fileIndex: Int) {
      self.descriptor = descriptor
      self.fileIndex = fileIndex
    }

    package var name: String { descriptor.name }
  }

  /// The file or folder, as the user named it.
  package let path: String
  package let isFolder: Bool
  /// The index file's name, if the folder has its weights in shards.
  package let indexName: String?
  /// Sorted by name. One, unless the weights lie in shards or in a split set of GGUF files.
  package let files: [File]
  /// File by file, each in the order of its bytes.
  package let tensors: [Tensor]
  private let positions: [String: Int]

  /// Opens a safetensors or GGUF file, a split set of GGUF files by its first file, or a folder
  /// with `model.safetensors` or an index of shards.
  ///
  /// - Throws: ``CheckpointError`` naming the file at fault.
  /// - Complexity: O(n log n) in the number of tensors; no weight is read.
  package init(path: String) throws(CheckpointError) {
    self.path = path
    let weightFiles = try WeightFiles.locate(path)
    var index: ShardIndex?
    switch weightFiles {
    case .file:
      (isFolder, indexName) = (false, nil)
      files = try Self.files(at: path)
    case .folder(let weights):
      (isFolder, indexName) = (true, nil)
      files = [try File(weights, at: Folder.join(path, weights))]
    case .shards(let name):
      (isFolder, indexName) = (true, name)
      let shards = try ShardIndex(path: Folder.join(path, name))
      files = try shards.files.map { (shard) throws(CheckpointError) in
        try File(shard, at: Folder.join(path, shard))
      }
      index = shards
    }

    var tensors: [Tensor] = []
    var positions: [String: Int] = [:]
    let tensorCount = files.reduce(0) { $0 + $1.tensors.count }
    try CheckpointError.attributing(path) { () throws(FormatError) in
      try Self.checkTensorCount(tensorCount, at: 0)
    }
    for (fileIndex, file) in files.enumerated() {
      for descriptor in file.tensors {
        if let other = positions.updateValue(tensors.count, forKey: descriptor.name) {
          throw CheckpointError(
            path: file.mapped.path,
            .inconsistent(
              "tensor '\(descriptor.name)' is also in \(files[tensors[other].fileIndex].name)"))
        }
        tensors.append(Tensor(descriptor: descriptor, fileIndex: fileIndex))
      }
    }
    self.tensors = tensors
    self.positions = positions
    try index?.check(positions.mapValues { files[tensors[$0].fileIndex].name })
  }

  /// The most tensors that a checkpoint, a file or a patch may list: each takes some hundred bytes of
  /// memory, however few it has in the file.
  package static let tensorCountLimit = 1_000_000

  /// - Throws: ``FormatError`` if there are more tensors than that.
  package static func checkTensorCount(_ count: Int, at offset: Int) throws(FormatError) {
    guard count <= tensorCountLimit else {
      throw .limitExceeded(
        "there are more tensors than the \(tensorCountLimit) that a checkpoint may have", at: offset
      )
    }
  }

  /// The tensor with this name.
  package subscript(name: String) -> Tensor? {
    positions[name].map { tensors[$0] }
  }

  /// The file that holds `tensor`.
  package func file(of tensor: Tensor) -> MappedFile { files[tensor.fileIndex].mapped }

  /// Whether a tensor has the bytes of a tensor of `other`. Few of them stay in memory.
  package func hasSameBytes(_ tensor: Tensor, as another: Tensor, of other: Checkpoint) -> Bool {
    file(of: tensor).hasSameBytes(
      in: tensor.descriptor.byteRange, as: other.file(of: another),
      in: another.descriptor.byteRange)
  }

  /// Whether the files are GGUF.
  package var isGGUF: Bool {
    if case .gguf = files.first?.container { true } else { false }
  }

  private static func files(at path: String) throws(CheckpointError) -> [File] {
    let file = try File(Folder.lastComponent(of: path), at: path)
    guard case .gguf(let header) = file.container else { return [file] }
    return try GGUFSplitSet.files(from: file, header: header)
  }
}
