internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import Gradiend
internal import PatchFormat
internal import Synchronization

/// Measures what a patch does to its base, by applying it chunk by chunk without writing.
package struct UpdateMeasurement {
  private let match: PatchMatch
  private let execution: Execution

  package init(_ match: PatchMatch, _ execution: Execution) {
    self.match = match
    self.execution = execution
  }

  /// Measures every tensor of a float type that the checkpoint holds, changed or not.
  ///
  /// - Returns: measures by the tensors' names.
  /// - Throws: ``PatchError`` if the checkpoint is not the patch's base, or either is damaged.
  /// - Complexity: O(bytes of the checkpoint), with three chunks of memory for each thread.
  package func run() throws(PatchError) -> [String: UpdateMeasure] {
    let run = PatchRun(match, .apply)
    let chunks = Mutex(Array(repeating: UpdateMeasure(), count: run.plan.chunks.count))
    try run.run(execution) { chunk, base, result in
      guard let storage = FloatStorage(chunk.tensor.elementType) else { return }
      let measure = UpdateMeasure(
        base: base.rawSpan, result: result.rawSpan, storage: storage)
      chunks.withLock { $0[chunk.number] = measure }
    }
    let measured = chunks.withLock { $0 }
    var measures: [String: UpdateMeasure] = [:]
    for (tensor, numbers) in run.plan.tensors where FloatStorage(tensor.elementType) != nil {
      // In the order of the chunks, so that the sums do not depend on the threads.
      measures[tensor.name] = measured[numbers].reduce(into: UpdateMeasure()) { $0.add($1) }
    }
    return measures
  }
}
