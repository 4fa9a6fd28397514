package import ByteIO

/// The weights of a model: named tensors over the bytes of one or more mapped files.
package struct Checkpoint: Sendable {
  /// The file or folder, as the user named it.
  package let path: String
  package let isFolder: Bool
  /// The index file's name, if the folder has its weights in shards.
  package let indexName: String?
  /// Sorted by name. One, unless the weights lie in shards or in a split set of GGUF files.
  package let files: [File]
  /// File by file, each in the order of its bytes.
  package let tensors: [StoredTensor]
  /// Tensors whose bytes are taken for ones that belong to no tensor: see ``settingAside(_:)``.
  package let setAside: [StoredTensor]
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

    var tensors: [StoredTensor] = []
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
        tensors.append(StoredTensor(descriptor: descriptor, fileIndex: fileIndex))
      }
    }
    self.tensors = tensors
    self.positions = positions
    setAside = []
    try index?.check(positions.mapValues { files[tensors[$0].fileIndex].name })
  }

  private init(image other: Checkpoint, in mapped: [MappedFile]) {
    (path, isFolder, indexName) = (other.path, other.isFolder, other.indexName)
    (tensors, positions, setAside) = (other.tensors, other.positions, other.setAside)
    files = zip(other.files, mapped).map { File(image: $0, in: $1) }
  }

  private init(_ other: Checkpoint, settingAside names: Set<String>) {
    (path, isFolder, indexName) = (other.path, other.isFolder, other.indexName)
    files = other.files.map { File($0, settingAside: names) }
    setAside = other.setAside + other.tensors.filter { names.contains($0.name) }
    tensors = other.tensors.filter { !names.contains($0.name) }
    positions = Dictionary(uniqueKeysWithValues: tensors.enumerated().map { ($1.name, $0) })
  }

  /// The same files without some of their tensors, whose bytes then count as part of what surrounds
  /// tensors.
  ///
  /// - Parameter names: of the tensors.
  /// - Returns: the checkpoint.
  package func settingAside(_ names: Set<String>) -> Checkpoint {
    names.isEmpty ? self : Checkpoint(self, settingAside: names)
  }

  /// The same tensors at the same places of other files.
  ///
  /// - Parameter mapped: as many as there are here, each as long.
  /// - Returns: the checkpoint that they are.
  package func image(in mapped: [MappedFile]) -> Checkpoint { Checkpoint(image: self, in: mapped) }

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
  package subscript(name: String) -> StoredTensor? {
    positions[name].map { tensors[$0] }
  }

  /// The file that holds `tensor`.
  package func file(of tensor: StoredTensor) -> MappedFile { files[tensor.fileIndex].mapped }

  private static func files(at path: String) throws(CheckpointError) -> [File] {
    let file = try File(Folder.lastComponent(of: path), at: path)
    guard case .gguf(let header) = file.container else { return [file] }
    return try GGUFSplitSet.files(from: file, header: header)
  }
}
