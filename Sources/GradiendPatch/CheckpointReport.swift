internal import ByteIO
internal import Checkpoints

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

  init(name: String, elementType: ElementType, shape: [Int]) {
    self.name = name
    self.elementType = elementType.name
    self.shape = shape
    elementCount = shape.reduce(1, *)
  }
}

/// What a checkpoint holds.
public struct CheckpointReport: Sendable {
  /// Name and length of each weight file.
  public let files: [(name: String, byteCount: Int)]
  /// File by file, each in the order of its bytes.
  public let tensors: [TensorReport]
  /// The `__metadata__` of the first file, or its key-value pairs if it is a GGUF.
  public let metadata: [(key: String, value: String)]

  init(_ checkpoint: Checkpoint) {
    files = checkpoint.files.map { ($0.name, $0.mapped.byteCount) }
    tensors = checkpoint.tensors.map {
      TensorReport(
        name: $0.name, elementType: $0.descriptor.elementType, shape: $0.descriptor.shape)
    }
    metadata = checkpoint.files.first?.metadata.map { ($0.key, $0.value) } ?? []
  }
}
