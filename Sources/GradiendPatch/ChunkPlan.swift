internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import PatchFormat

/// All chunks of a checkpoint, in the order of its files and of their bytes.
struct ChunkPlan: Sendable {
  struct Item: Sendable {
    /// Position in the checkpoint's tensors.
    let tensorIndex: Int
    let chunkIndex: Int
    let chunk: TensorChunks.Chunk
    let shape: ChunkShape
    /// Position in the checkpoint's files.
    let fileIndex: Int
    /// In that file.
    let byteRange: Range<Int>
  }

  let items: [Item]
  /// For each tensor.
  let chunkCounts: [Int]
  let byteCount: Int

  init(_ checkpoint: Checkpoint) {
    self.init(checkpoint.tensors)
  }

  init(_ tensors: [Checkpoint.Tensor]) {
    var items: [Item] = []
    var chunkCounts: [Int] = []
    for (tensorIndex, tensor) in tensors.enumerated() {
      let descriptor = tensor.descriptor
      let chunks = TensorChunks(elementType: descriptor.elementType, shape: descriptor.shape)
      chunkCounts.append(chunks.count)
      let element = CodedElement(descriptor.elementType)
      for (chunkIndex, chunk) in chunks.enumerated() {
        let start = descriptor.byteRange.lowerBound
        items.append(
          Item(
            tensorIndex: tensorIndex, chunkIndex: chunkIndex, chunk: chunk,
            shape: ChunkShape(element: element, rows: chunk.rows, columns: chunk.columns),
            fileIndex: tensor.fileIndex,
            byteRange: start + chunk.byteRange.lowerBound..<start + chunk.byteRange.upperBound))
      }
    }
    self.items = items
    self.chunkCounts = chunkCounts
    byteCount = items.reduce(0) { $0 + $1.byteRange.count }
  }
}

extension CodedElement {
  init(_ type: ElementType) {
    switch (type, type.storage) {
    case (.float32, _): self = .float(.float32)
    case (.float16, _): self = .float(.float16)
    case (.bfloat16, _): self = .float(.bfloat16)
    case (_, .bits(let bitWidth)): self = .word(byteWidth: max(1, bitWidth / 8))
    case (_, .blocks(let block)):
      guard let format = BlockFormat(rawValue: type.name) else {
        preconditionFailure("\(type.name) has no block format")
      }
      self = .block(format, elementCount: block.elementCount)
    }
  }
}
