internal import ByteIO
package import Checkpoints
internal import DeltaCoding
package import PatchFormat

/// The files of a patch's base, hashed from the result and the patch without being written.
package struct BaseTrace {
  /// A line for each file.
  package let files: [FileDigest]
  /// What the source is.
  package let verdict: DigestVerdict

  /// Strips the patch from a result, chunk by chunk in the order of the base's files.
  ///
  /// - Throws: ``PatchError`` if the checkpoint is not the result that the patch is for, file by file,
  ///   or either is damaged.
  /// - Complexity: O(bytes of the result), in the memory of a few chunks for each thread.
  package init(
    _ patch: PatchFile, _ result: Checkpoint, _ execution: Execution
  ) throws(PatchError) {
    let match = try PatchMatch(patch, result)
    try match.checkHasPublishedBytes()
    let own = CheckpointLayout(result)
    let layout = try match.layout(of: .base, given: own) ?? own
    let places = Dictionary(uniqueKeysWithValues: layout.tensors.map { ($0.name, $0) })
    func place(_ tensor: MatchedTensor) -> StoredTensor { places[tensor.name] ?? tensor.stored[0] }
    let tensors = match.tensors.sorted { first, second in
      let (first, second) = (place(first), place(second))
      return (first.fileIndex, first.descriptor.byteRange.lowerBound)
        < (second.fileIndex, second.descriptor.byteRange.lowerBound)
    }
    let published = patch.metadata.base.files.map(\.name)
    let names = published.count == layout.files.count ? published : result.files.map(\.name)
    let run = PatchRun(match, .strip, tensors: tensors)
    let hashes = OrderedStage(FileHasher(layout, names: names), execution)
    try run.run(execution, closing: [hashes]) { (chunk, _, base) throws(PatchError) in
      let place = places[chunk.tensor.name] ?? chunk.tensor.stored[0]
      try hashes.submit(chunk.number) {
        $0.update(base.rawSpan, of: place, at: chunk.byteRange.lowerBound)
      }
    }
    files = hashes.withState { $0.finish() }
    // Of a result in other files, these would be those of no base that anybody has.
    try match.check(files, of: .base)
    verdict = DigestVerdict(match, run.plan, run.inputDigests)
  }
}
