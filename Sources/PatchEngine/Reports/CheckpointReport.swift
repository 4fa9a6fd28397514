internal import ByteIO
package import Checkpoints

/// A tensor as `inspect` lists it.
public struct TensorReport: Sendable {
  /// Unique in its checkpoint.
  public let name: String
  /// As safetensors or ggml names it, such as `BF16` or `Q4_K`.
  public let elementType: String
  /// Outermost dimension first.
  public let shape: [Int]
  /// The product of the shape.
  public let elementCount: Int

  package init(name: String, elementType: ElementType, shape: [Int]) {
    self.name = name
    self.elementType = elementType.name
    self.shape = shape
    elementCount = shape.reduce(1, *)
  }
}

/// What a checkpoint holds.
public struct CheckpointReport: Sendable {
  /// A weight file.
  public struct File: Sendable {
    /// Its name in the folder.
    public let name: String
    /// Its length.
    public let byteCount: Int
  }

  /// In the order of their names.
  public let files: [File]
  /// File by file, each in the order of its bytes.
  public let tensors: [TensorReport]
  /// The `__metadata__` of the first file, or its key-value pairs if it is a GGUF.
  public let metadata: [Metadatum]

  package init(_ checkpoint: Checkpoint) {
    files = checkpoint.files.map { File(name: $0.name, byteCount: $0.mapped.byteCount) }
    tensors = checkpoint.tensors.map {
      TensorReport(
        name: $0.name, elementType: $0.descriptor.elementType, shape: $0.descriptor.shape)
    }
    metadata =
      checkpoint.files.first?.metadata.map { Metadatum(key: $0.key, value: $0.value) } ?? []
  }
}

/// What a file says of itself.
public struct Metadatum: Sendable {
  /// As the file spells it.
  public let key: String
  /// As text.
  public let value: String
}
