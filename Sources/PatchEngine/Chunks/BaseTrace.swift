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
    try match.checkHasPublishedBytes(isOptional: false)
    let (layout, _) = try PatchRun(match, .strip).layout(of: result)
    let run = PatchRun(match, .strip).sorted(as: layout)
    let published = patch.metadata.base.files.map(\.name)
    let names = published.count == layout.files.count ? published : result.files.map(\.name)
    files = try run.fileDigests(layout, names: names, execution)
    // Of a result in other files, these would be those of no base that anybody has.
    try match.check(files, of: .base)
    verdict = run.verdict(at: .result, run.inputDigests)
  }
}
