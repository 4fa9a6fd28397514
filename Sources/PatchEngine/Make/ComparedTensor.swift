internal import ByteIO
package import Checkpoints
internal import DeltaCoding

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

  /// What was to be added to the elements of a chunk, where it was computed, before anything is rounded.
  func update(of chunk: Chunk<ComparedTensor>) -> [Float]? {
    guard case .computed(let sums) = self, var update = sums.first?.values(of: chunk) else {
      return nil
    }
    for sum in sums.dropFirst() {
      let values = sum.values(of: chunk)
      for index in update.indices { update[index] += values[index] }
    }
    return update
  }

  /// The result's bytes of a chunk.
  ///
  /// - Parameters:
  ///   - chunk: the chunk.
  ///   - base: the base's bytes of the chunk.
  /// - Returns: as many bytes as `base` has; nil if the base is not what it was when it was opened.
  /// - Throws: ``PatchError`` if a patch is damaged, or not for this base.
  package func bytes(
    of chunk: Chunk<ComparedTensor>, base: [UInt8]
  ) throws(PatchError) -> [UInt8]? {
    switch self {
    case .computed(let sums):
      var result = base
      for sum in sums {
        guard let next = sum.added(to: result.rawSpan, chunk) else { return nil }
        result = next
      }
      return result
    case .stored(let tensor, let source): return source.bytes(of: tensor, in: chunk.byteRange)
    case .patched(let run): return try run.output(of: base, run.plan.chunks[chunk.number])
    }
  }
}
