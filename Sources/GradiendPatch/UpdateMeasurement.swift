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
    let work = try PatchingWork(binding, .apply)
    let chunks = Mutex(
      binding.plan.chunkCounts.map { Array(repeating: UpdateMeasure(), count: $0) })
    let counter = ProgressCounter(binding.plan, progress)
    do throws(PatchError) {
      try workers.run(binding.plan.items.count) { (number) throws(PatchError) in
        let item = binding.plan.items[number]
        let storage = FloatStorage(binding.tensors[item.tensorIndex].elementType)
        try binding.placement.withBytes(of: item) { (base) throws(PatchError) in
          try work.withOutput(of: item, input: base) { (result) throws(PatchError) in
            guard let storage else { return }
            let measure = UpdateMeasure(base: base, result: result, storage: storage)
            chunks.withLock { $0[item.tensorIndex][item.chunkIndex] = measure }
          }
        }
        counter.finish(item)
      }
    } catch  where error.kind == .badInput {
      // Chunks that do not decode are most likely read against the wrong checkpoint.
      try work.check(input: try Identification.identify(binding, workers: workers))
      throw error
    }
    try work.check(input: Identification(binding, work.inputDigests.tensors))
    try work.check(output: Identification(binding, work.outputDigests.tensors))
    var measures: [String: UpdateMeasure] = [:]
    for (tensor, parts) in zip(binding.tensors, chunks.withLock { $0 })
    where FloatStorage(tensor.elementType) != nil {
      // In the order of the chunks, so that the sums do not depend on the threads.
      measures[tensor.name] = parts.reduce(into: UpdateMeasure()) { $0.add($1) }
    }
    return measures
  }
}
