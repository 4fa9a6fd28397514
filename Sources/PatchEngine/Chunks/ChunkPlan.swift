package import Checkpoints
package import DeltaCoding
internal import PatchFormat

/// What can be worked through in chunks: a tensor, whatever else is known of it.
package protocol TensorInChunks: Sendable {
  var elementType: ElementType { get }
  /// Outermost dimension first.
  var shape: [Int] { get }
  /// Rows that form chunks of their own, as converters may leave out the others.
  var keptRows: Range<Int>? { get }
}

extension TensorInChunks {
  package var keptRows: Range<Int>? { nil }

  var chunks: TensorChunks {
    TensorChunks(elementType: elementType, shape: shape, keptRows: keptRows)
  }
}

/// A run of a tensor's elements (Formats/patch.md, section 5), which one thread works on at a time.
package struct Chunk<Tensor: TensorInChunks>: Sendable {
  package let tensor: Tensor
  /// Position among all chunks of the plan.
  package let number: Int
  /// Position among the tensor's chunks.
  package let index: Int
  /// Position in the tensor.
  package let firstElement: Int
  package let shape: ChunkShape
  /// Within the tensor.
  package let byteRange: Range<Int>
}

/// All chunks of some tensors, in their order.
package struct ChunkPlan<Tensor: TensorInChunks>: Sendable {
  package let tensors: [(tensor: Tensor, chunkNumbers: Range<Int>)]
  package let chunks: [Chunk<Tensor>]
  package let byteCount: Int

  package init(_ tensors: [Tensor]) {
    var chunks: [Chunk<Tensor>] = []
    self.tensors = tensors.map { tensor in
      let element = CodedElement(tensor.elementType)
      let first = chunks.count
      for (index, part) in tensor.chunks.enumerated() {
        chunks.append(
          Chunk(
            tensor: tensor, number: first + index, index: index, firstElement: part.firstElement,
            shape: ChunkShape(element: element, rows: part.rows, columns: part.columns),
            byteRange: part.byteRange))
      }
      return (tensor, first..<chunks.count)
    }
    self.chunks = chunks
    byteCount = chunks.reduce(0) { $0 + $1.byteRange.count }
  }
}

extension CodedElement {
  package init(_ type: ElementType) {
    switch (type, type.storage) {
    case (.float32, _): self = .float(.float32)
    case (.float16, _): self = .float(.float16)
    case (.bfloat16, _): self = .float(.bfloat16)
    case (.float8E4M3, _), (.float8E4M3FNUZ, _): self = .float(.float8E4M3)
    case (.float8E5M2, _), (.float8E5M2FNUZ, _): self = .float(.float8E5M2)
    case (_, .bits(let bitWidth)): self = .word(byteWidth: max(1, bitWidth / 8))
    case (_, .blocks(let block)):
      guard let format = BlockFormat(rawValue: type.name) else {
        preconditionFailure("\(type.name) has no block format")
      }
      self = .block(format, elementCount: block.elementCount)
    }
  }
}
