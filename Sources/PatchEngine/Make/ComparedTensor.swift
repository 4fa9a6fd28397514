internal import ByteIO
package import Checkpoints
internal import DeltaCoding
package import Gradiend

/// A tensor of a base, and where the result's elements come from: the only difference between
/// creating a patch and taking one from two checkpoints.
package struct ComparedTensor: TensorInChunks {
  package let base: StoredTensor
  package let result: ResultElements

  package init(base: StoredTensor, result: ResultElements) {
    self.base = base
    self.result = result
  }

  package var elementType: ElementType { base.elementType }
  package var shape: [Int] { base.shape }
}

/// The elements of a tensor of the result.
package enum ResultElements: Sendable {
  /// The base's, with updates added one after the other, each sum rounded before the next.
  case computed([WeightUpdate], DecoderOutput)
  /// Those that somebody already made.
  case stored(StoredTensor, any TensorSource)

  /// The result's bytes of a chunk.
  ///
  /// - Parameters:
  ///   - chunk: the chunk.
  ///   - base: the base's bytes of the chunk.
  /// - Returns: as many bytes as `base` has; nil if the base is not what it was when it was opened.
  package func bytes(of chunk: Chunk<ComparedTensor>, base: [UInt8]) -> [UInt8]? {
    switch self {
    case .computed(let updates, let output):
      var sum = base
      for update in updates {
        guard let next = update.sum(of: output, and: sum.rawSpan, chunk) else { return nil }
        sum = next
      }
      return sum
    case .stored(let tensor, let source): return source.bytes(of: tensor, in: chunk.byteRange)
    }
  }
}
