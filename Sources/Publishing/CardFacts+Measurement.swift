internal import ByteIO
internal import Checkpoints
internal import PatchEngine

extension CardFacts {
  /// Measures the update, if the base's weights are in the cache: the picture then tells where it is.
  ///
  /// - Throws: ``PatchError`` if what is there is not the base of the patch.
  mutating func measure(_ execution: Execution) throws(PatchError) {
    guard let baseFolder, isBaseOfCommit else { return }
    let path = baseFile.map { Folder.join(baseFolder, $0) } ?? baseFolder
    guard let base = try? Checkpoint(path: path) else { return }
    report.updates = try UpdateMeasurement(PatchMatch(patch, base), execution).run()
  }
}
