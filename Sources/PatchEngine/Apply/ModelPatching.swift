internal import ByteIO
package import Checkpoints
package import DeltaCoding
internal import PatchFormat

/// Writes what patches make of a checkpoint to files of their own.
package struct ModelPatching: Sendable {
  let direction: Direction
  let input: Checkpoint
  let patches: PatchSequence
  let output: String
  /// Whether `output` may exist.
  package var overwrites = false
  /// Whether to check the output's SHA-256 too, which takes longer than all the rest.
  package var checksSHA256 = false
  /// Whether to leave what belongs to no tensor as the input has it, even if a patch carries more.
  package var valuesOnly = false
  /// Where to write what restores the input, should the result not fit the types that the input has.
  package var undo: String?
  /// Whether to wait until the output is on the disk before it gets its name.
  package var synchronises = true

  package init(
    _ direction: Direction, _ input: Checkpoint, _ patches: PatchSequence, output: String
  ) {
    self.direction = direction
    self.input = input
    self.patches = patches
    self.output = output
  }

  /// Writes the output, and gives it its name once the digests of all tensors of input and output
  /// are those in the patch.
  ///
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the checkpoint), with three chunks of memory for each thread.
  package func run(_ execution: Execution) throws(PatchError) -> ModelSummary {
    try checkUndo()
    let losses = undo.map { _ in LossCounter() }
    let run = try PatchRun(patches, input, direction)
    if checksSHA256 { try run.match(at: direction.output).checkHasPublishedBytes() }
    var notes: [String] = []
    let target = try CheckpointOutput(
      output, for: input, layout: try layout(run, &notes), overwrites: overwrites,
      synchronises: synchronises)
    try write(run, run.match.unmatched, to: target, countingIn: losses, execution)
    if checksSHA256 {
      try run.match(at: direction.output).check(
        FileHasher.digests(try target.written(), named: input), of: direction.output)
    }
    try target.copyCompanions(of: input)
    try UnfinishedChange.check(input)
    if let undo, let losses {
      notes.append(try writeUndo(undo, losses.count, target, execution))
    }
    try target.publish()
    let isRounded = (losses?.count ?? 0) > 0
    return ModelSummary(
      run, path: output, role: isRounded ? nil : direction.output, notes: notes)
  }

  /// Writes what a run makes of tensors, and bytes that stay.
  func write(
    _ run: PatchRun, _ unmatched: [StoredBytes], to target: any TensorSink,
    countingIn losses: LossCounter? = nil, _ execution: Execution
  ) throws(PatchError) {
    let match = run.match
    try run.run(execution) { (chunk, _, bytes) throws(PatchError) in
      try match.write(bytes.rawSpan, of: chunk, to: target, countingIn: losses)
    }
    for rest in unmatched {
      for piece in rest.pieces {
        let bytes = input.bytes(of: rest.tensor, in: piece)
        try target.write(bytes.rawSpan, to: rest.tensor, at: piece.lowerBound)
      }
    }
  }

  func layout(
    _ run: PatchRun, _ notes: inout [String]
  ) throws(PatchError) -> CheckpointLayout {
    let (layout, own) = try run.layout(of: input, valuesOnly: valuesOnly)
    notes += own
    return layout
  }

  // MARK: Undo

  /// - Throws: ``PatchError`` if the undo patch cannot be made, before any work is done for it.
  private func checkUndo() throws(PatchError) {
    guard let undo else { return }
    // Its temporary file goes at once.
    _ = try PatchError.writing(undo) { () throws(SystemError) in
      try OutputFile(path: undo, overwrites: overwrites)
    }
  }

  /// Writes the patch from the input to the output, if anything was lost.
  ///
  /// - Returns: a note on it.
  private func writeUndo(
    _ path: String, _ lossCount: Int, _ target: CheckpointOutput, _ execution: Execution
  ) throws(PatchError) -> String {
    guard lossCount > 0 else {
      return "strip gives these files back with the patch alone, so \(path) was not written"
    }
    let written = input.image(in: try target.written())
    let encoder = PatchEncoder(
      base: input, tensors: ComparedTensor.all(of: input) { .stored($0, written) },
      source: .diff, output: path, overwrites: overwrites)
    _ = try encoder.run(execution)
    let losses =
      lossCount == 1
      ? "1 value does not fit the types of these files and was"
      : "\(Quantity.count(lossCount)) values do not fit the types of these files and were"
    return losses
      + " rounded, as by conversion; strip the output with \(path) to get these files back"
  }
}
