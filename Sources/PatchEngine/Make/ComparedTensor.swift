internal import ByteIO
package import Checkpoints
internal import DeltaCoding
internal import Gradiend

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
  /// The base's, with sums added one after the other, and rounded after each.
  case computed([WeightSum])
  /// Those that somebody already made.
  case stored(StoredTensor, any TensorSource)
  /// What patches make of the base, whose tensors the run goes through in the same order.
  case patched(PatchRun)

  /// The result's bytes of a chunk.
  ///
  /// - Parameters:
  ///   - chunk: the chunk.
  ///   - base: the base's bytes of the chunk.
  /// - Returns: as many bytes as `base` has, and what rounding kept of what was computed; nil if the
  ///   base is not what it was when it was opened.
  /// - Throws: ``PatchError`` if a patch is damaged, or not for this base.
  package func bytes(
    of chunk: Chunk<ComparedTensor>, base: [UInt8]
  ) throws(PatchError) -> WeightSum.Sum? {
    switch self {
    case .computed(let sums):
      var result = (bytes: base, rounding: RoundingSums())
      for sum in sums {
        guard let next = sum.added(to: result.bytes.rawSpan, chunk) else { return nil }
        result = (next.bytes, result.rounding.adding(next.rounding))
      }
      return result
    case .stored(let tensor, let source):
      return (source.bytes(of: tensor, in: chunk.byteRange), RoundingSums())
    case .patched(let run):
      return (try run.output(of: base, run.plan.chunks[chunk.number]), RoundingSums())
    }
  }
}
