internal import ByteIO
internal import Checkpoints
internal import Gradiend
internal import PatchFormat
internal import Synchronization

/// Measures what a patch does to its base, by applying it chunk by chunk without writing.
struct UpdateMeasurement {
  let binding: PatchBinding
  let workers: Workers
  let progress: ProgressHandler?

  /// Measures every tensor of a float type that the checkpoint holds, changed or not.
  ///
  /// - Returns: measures by the tensors' names.
  /// - Throws: ``PatchError`` if the checkpoint is not the patch's base, or either is damaged.
  /// - Complexity: O(bytes of the checkpoint), with three chunks of memory for each thread.
  func run() throws(PatchError) -> [String: UpdateMeasure] {
    let chunks = Mutex(
      binding.plan.chunkCounts.map { Array(repeating: UpdateMeasure(), count: $0) })
    try PatchingWork(binding, .apply).run(workers, progress) { item, base, result in
      guard let storage = FloatStorage(binding.tensors[item.tensorIndex].elementType) else {
        return
      }
      let measure = UpdateMeasure(base: base, result: result, storage: storage)
      chunks.withLock { $0[item.tensorIndex][item.chunkIndex] = measure }
    }
    var measures: [String: UpdateMeasure] = [:]
    for (tensor, parts) in zip(binding.tensors, chunks.withLock { $0 })
    where FloatStorage(tensor.elementType) != nil {
      // In the order of the chunks, so that the sums do not depend on the threads.
      measures[tensor.name] = parts.reduce(into: UpdateMeasure()) { $0.add($1) }
    }
    return measures
  }
}
