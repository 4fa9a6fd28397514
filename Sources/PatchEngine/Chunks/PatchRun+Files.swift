internal import ByteIO
package import Checkpoints
internal import DeltaCoding
package import PatchFormat

extension PatchRun {
  /// The layout of the output: the publisher's, as far as the patches have it and the input's goes with
  /// it.
  ///
  /// - Parameters:
  ///   - input: whose layout it goes with.
  ///   - valuesOnly: whether to leave the layout as the input has it.
  /// - Returns: the layout, and what a user should know of it, in sentences without a full stop.
  /// - Throws: ``PatchError`` if a patch carries a layout that the tensors do not fit; if the layout has
  ///   to become the publisher's, as patches carry some tensors with it, and it cannot.
  package func layout(
    of input: Checkpoint, valuesOnly: Bool = false
  ) throws(PatchError) -> (layout: CheckpointLayout, notes: [String]) {
    let own = CheckpointLayout(input)
    let (layout, isPublished) = valuesOnly ? (own, false) : try layout(given: own)
    if !isPublished, let carried = input.setAside.first {
      try check(carried, in: own, of: input.path)
    }
    return (layout, isPublished || valuesOnly ? [] : [Self.otherHeadersNote])
  }

  /// Says why a tensor that patches carry whole does not go with these files.
  private func check(
    _ carried: StoredTensor, in own: CheckpointLayout, of path: String
  ) throws(PatchError) {
    let patch = match(at: direction.input).patch
    let roles = patch.layouts?.roles(of: own.encoded) ?? (isBase: false, isResult: false)
    if direction == .apply ? roles.isResult : roles.isBase {
      throw DigestVerdict.isAlready(direction.output, path)
    }
    throw PatchError(
      .mismatch, path: path, tensor: carried.name,
      "the patch carries tensor '\(carried.name)' whole, which only goes with files as the publisher has "
        + "them, headers included"
        + ((direction == .apply ? roles.isBase : roles.isResult)
          ? "" : ", and these have other headers or another such tensor"),
      remedy: patch.baseDescription)
  }

  private func layout(
    given own: CheckpointLayout
  ) throws(PatchError) -> (layout: CheckpointLayout, isPublished: Bool) {
    var layout = own
    var isPublished = true
    for match in direction == .apply ? matches : matches.reversed() {
      if let next = try match.layout(of: direction.output, given: layout) {
        layout = next
      } else if match.patch.layouts != nil {
        isPublished = false
      }
    }
    return (layout, isPublished)
  }

  /// What to say where a patch carries a layout that the files' own does not go with.
  private static let otherHeadersNote =
    "the files have other headers than those that the patch was made from, so theirs stay; the values "
    + "are the publisher's"

  /// The same pass in the order of the bytes of files that have this layout.
  package func sorted(as layout: CheckpointLayout) -> PatchRun {
    let places = layout.places
    return sorted { first, second in
      let (first, second) = (first.place(in: places), second.place(in: places))
      return (first.fileIndex, first.descriptor.byteRange.lowerBound)
        < (second.fileIndex, second.descriptor.byteRange.lowerBound)
    }
  }

  /// The SHA-256 of files that hold the output, which are not written.
  ///
  /// - Parameters:
  ///   - layout: of the files; the run is in the order of their bytes.
  ///   - names: of the files.
  ///   - execution: threads.
  /// - Returns: a line for each.
  /// - Throws: ``PatchError`` if the source is not the input, or a patch is damaged.
  package func fileDigests(
    _ layout: CheckpointLayout, names: [String], _ execution: Execution
  ) throws(PatchError) -> [FileDigest] {
    let places = layout.places
    let hashes = OrderedStage(FileHasher(layout, names: names), execution)
    try run(execution, closing: [hashes]) { (chunk, _, output) throws(PatchError) in
      let place = chunk.tensor.place(in: places)
      try hashes.submit(chunk.number) {
        $0.update(output.rawSpan, of: place, at: chunk.byteRange.lowerBound)
      }
    }
    return hashes.withState { $0.finish() }
  }
}

extension CheckpointLayout {
  fileprivate var places: [String: StoredTensor] {
    Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0) })
  }
}

extension MatchedTensor {
  fileprivate func place(in places: [String: StoredTensor]) -> StoredTensor {
    places[name] ?? stored[0]
  }
}
