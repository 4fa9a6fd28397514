internal import ByteIO
internal import Checkpoints
internal import PatchFormat

extension PatchEncoder {
  /// Writes the piece of a share beside the patch that it will be of.
  ///
  /// - Parameters:
  ///   - share: whose tensors these are.
  ///   - programVersion: of this program.
  ///   - gradiends: the lengths of the parts of each GRADIEND, and what was read of it.
  ///   - notes: what a user should know of the choice of tensors.
  ///   - execution: how.
  /// - Returns: what the piece holds.
  /// - Throws: ``PatchError``; nothing then has the piece's name.
  package func writePiece(
    of share: FileShare, programVersion: String,
    gradiends: [(byteCounts: [Int], reading: GradiendReading)] = [], notes: [String],
    _ execution: Execution
  ) throws(PatchError) -> PatchSummary {
    guard let files else { preconditionFailure("only files are shared out") }
    // What the pieces are for is to have this name in the end.
    try PatchError.writing(output) { () throws(SystemError) in
      try OutputFile.check(output, isFolder: false, overwrites: true)
    }
    let header = ShareHeader(
      .piece, number: share.share.index, of: share.share.count,
      agreed: subject.agreed(
        programVersion: programVersion, base: files,
        result: otherInputs.lazy.compactMap { $0 as? Checkpoint }.first,
        gradiends: gradiends.map(\.byteCounts)))
    let path = share.share.piece(of: output)
    var writer = try PatchError.writing(path) { () throws(SystemError) in
      try PatchWriter(
        path: path, overwrites: overwrites, of: header,
        hasLayouts: subject.hasLayouts && share.carriesLayouts)
    }
    let encoding = try encode(to: &writer, at: path, execution)
    var tensors = encoding.tensors[...]
    let piece = PatchPiece(
      files: share.fileNumbers.enumerated().map { index, number in
        let count = files.files[number].tensors.count
        defer { tensors = tensors.dropFirst(count) }
        return PatchPiece.File(
          number: number, base: encoding.baseFiles[index], result: encoding.resultFiles[index],
          tensors: Array(tensors.prefix(count)))
      },
      readings: gradiends.map(\.reading), notes: notes)
    let byteCount = try PatchError.writing(path) { () throws(SystemError) in
      try writer.finish(header, layouts: encoding.layouts, table: piece.encoded)
    }
    var own = subject
    own.baseByteCount = share.byteCount
    var summary = own.summary(of: encoding.tensors, path, byteCount: byteCount)
    summary.share = share.share
    summary.notes = share.notes + notes + summary.notes
    return summary
  }
}
