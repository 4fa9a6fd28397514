internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import PatchFormat

extension ModelPatching {
  /// The folder in which the shares of an output lie.
  package static func shares(of output: String) -> String { SharedOutput.path(of: output) }

  /// Writes the share's files of the output, and a receipt, to the folder of shares.
  ///
  /// The files are there before the receipt is. Whoever does the same share at the same time writes the
  /// same bytes under the same names.
  ///
  /// - Throws: ``PatchError``; the share then counts as not done, unless it was done before.
  /// - Complexity: O(bytes of the share's files), with three chunks of memory for each thread.
  package func write(
    _ share: Share, _ execution: Execution
  ) throws(PatchError) -> ModelSummary {
    let files = FileShare(share, of: input)
    let run = try PatchRun(patches, input, direction, in: files)
    if checksSHA256 { try run.match(at: direction.output).checkHasPublishedBytes() }
    try checkIsDivisible(run.match)
    try checkName(CompanionFiles.names(of: input))
    var notes: [String] = []
    let layout = try layout(run, &notes)
    let output = SharedOutput(of: self)
    try PatchError.writing(output.path) { () throws(SystemError) in try Folder.make(output.path) }
    let weights = try ShareWeights(
      of: files, output, for: input, layout: layout, synchronises: synchronises)
    try write(
      run, run.match.unmatched.filter { files.holds($0.tensor) }, to: weights, execution)
    if checksSHA256 {
      try run.match(at: direction.output).check(
        weights.digests(files, of: input), of: direction.output, only: files.fileNumbers)
    }
    try UnfinishedChange.check(input)
    try weights.publish()
    let summary = ModelSummary(
      run, path: output.path, role: direction.output, share: share, notes: files.notes + notes)
    let digests = run.tensorDigests
    try writeReceipt(
      ShareReceipt(
        files: files.fileNumbers.map { ($0, layout.files[$0].byteCount) },
        tensors: run.plan.tensors.enumerated().map { index, tensor in
          .init(name: tensor.tensor.name, digests: digests.map { $0[index] })
        }, changedElementCount: summary.changedElementCount), of: share, output)
    return summary
  }

  private func writeReceipt(
    _ receipt: ShareReceipt, of share: Share, _ output: SharedOutput
  ) throws(PatchError) {
    let path = output.receipt(of: share)
    try PatchError.writing(path) { () throws(SystemError) in
      let header = output.header(share)
      let writer = try PatchWriter(path: path, overwrites: true, of: header)
      _ = try writer.finish(header, table: receipt.encoded)
    }
  }

  /// - Throws: ``PatchError`` if the values of a tensor lie in several files.
  private func checkIsDivisible(_ match: PatchMatch) throws(PatchError) {
    let torn = match.tensors.first { Set($0.stored.map(\.fileIndex)).count > 1 }
    guard let torn else { return }
    throw PatchError(
      .usage, path: input.path, tensor: torn.name,
      "tensor '\(torn.name)' of the patch is in several of these files, so their shares depend on each other",
      remedy: "patch this form of the model in one go, without shares")
  }

  /// - Throws: ``PatchError`` if the output cannot have its name.
  private func checkName(_ companions: [String]) throws(PatchError) {
    if overwrites { try CheckpointOutput.checkReplaceable(output, for: input, companions) }
    for path in try CheckpointOutput.paths(output, for: input) {
      try PatchError.writing(path) { () throws(SystemError) in
        try OutputFile.check(path, isFolder: input.isFolder, overwrites: overwrites)
      }
    }
  }

  // MARK: The whole

  /// Makes the output of what all shares wrote, and removes their folder.
  ///
  /// - Throws: ``PatchError`` naming the share that is missing, or of another run; nothing then has the
  ///   output's name, and all shares stay.
  /// - Complexity: O(tensors); no weight is read.
  package func finishShares(_ execution: Execution) throws(PatchError) -> ModelSummary {
    let run = try PatchRun(patches, input, direction)
    let companions = try CompanionFiles.names(of: input)
    try checkName(companions)
    var notes: [String] = []
    let layout = try layout(run, &notes)
    let shared = SharedOutput(of: self)
    let receipts = try shared.complete()
    let digests = try digests(of: run, receipts)
    try run.check(digests)
    let changed = try changed(digests, receipts, of: run)
    let weights = try weights(shared, receipts, layout)
    try UnfinishedChange.check(input)
    try execution.cancellation?.check()
    try publish(weights, companions)
    shared.remove()
    return ModelSummary(
      run, path: output, role: direction.output, changed: changed, notes: notes)
  }

  /// How many tensors and elements differ from the input; nil where the patch says it.
  private func changed(
    _ digests: [[Digest128]], _ receipts: [SharedOutput.Receipt], of run: PatchRun
  ) throws(PatchError) -> (tensors: Int, elements: Int)? {
    guard patches.patches.count > 1 else { return nil }
    var left = run.plan.tensors.reduce(0) { $0 + $1.tensor.shape.reduce(1, *) }
    let elementCount = left
    for (file, receipt) in receipts {
      guard receipt.changedElementCount <= left else {
        throw SharedOutput.damaged(
          file.path, "\(receipt.changedElementCount) elements changed, which are not there")
      }
      left -= receipt.changedElementCount
    }
    return (zip(digests[0], digests[digests.count - 1]).count { $0 != $1 }, elementCount - left)
  }

  /// For the base and the result of each patch, the digests that the shares found, in the order of the
  /// run.
  private func digests(
    of run: PatchRun, _ receipts: [SharedOutput.Receipt]
  ) throws(PatchError) -> [[Digest128]] {
    var found: [String: [Digest128]] = [:]
    for (file, receipt) in receipts {
      for tensor in receipt.tensors
      where tensor.digests.count != run.matches.count + 1
        || found.updateValue(tensor.digests, forKey: tensor.name) != nil
      {
        throw SharedOutput.damaged(
          file.path, "tensor '\(tensor.name)' is there twice, or with other digests")
      }
    }
    let tensors = try run.plan.tensors.map { (tensor, _) throws(PatchError) -> [Digest128] in
      guard let digests = found[tensor.name] else {
        throw SharedOutput.damaged(
          receipts[0].file.path, "tensor '\(tensor.name)' is in no share's receipt")
      }
      return digests
    }
    return (0...run.matches.count).map { stage in tensors.map { $0[stage] } }
  }

  /// Where the weight files are, in their order.
  private func weights(
    _ shared: SharedOutput, _ receipts: [SharedOutput.Receipt], _ layout: CheckpointLayout
  ) throws(PatchError) -> [String] {
    var owners: [Int: ShareFile] = [:]
    for (file, receipt) in receipts {
      for (number, byteCount) in receipt.files
      where !layout.files.indices.contains(number) || layout.files[number].byteCount != byteCount
        || owners.updateValue(file, forKey: number) != nil
      {
        throw SharedOutput.damaged(file.path, "file \(number + 1) is there twice, or another")
      }
    }
    return try input.files.enumerated().map { (number, file) throws(PatchError) in
      let path = shared.weights(file.name)
      guard let owner = owners[number] else {
        throw SharedOutput.damaged(
          receipts[0].file.path, "file '\(file.name)' is in no share's receipt")
      }
      let byteCount = (try? FileStatus(path: path))?.byteCount
      guard byteCount == layout.files[number].byteCount else {
        throw PatchError(
          .badInput, path: path,
          byteCount.map { "the file has \($0) bytes, not \(layout.files[number].byteCount)" }
            ?? "the file is not there",
          remedy: "run share \(owner.header.number) of \(owner.header.count) again")
      }
      return path
    }
  }

  private func publish(
    _ weights: [String], _ companions: [String]
  ) throws(PatchError) {
    guard input.isFolder else {
      let paths = try CheckpointOutput.paths(output, for: input)
      return try PatchError.writing(output) { () throws(SystemError) in
        try OutputFile.publish(filesAt: weights, as: paths, overwrites: overwrites)
      }
    }
    let folder = try PatchError.writing(output) { () throws(SystemError) in
      try OutputFolder(
        path: output, overwrites: overwrites,
        permissions: FileStatus(path: input.path).permissions, synchronises: synchronises)
    }
    try CheckpointOutput.copy(companions, of: input, to: folder, output)
    try PatchError.writing(output) { () throws(SystemError) in
      try folder.publish(moving: Array(zip(weights, input.files.map(\.name))))
    }
  }
}
