package import PatchFormat

/// Patches of which each is for the result of the one before (Formats/patch.md, section 5.1).
package struct PatchSequence: Sendable {
  /// In the order in which they are applied; at least one.
  package let patches: [PatchFile]

  /// How many patches are taken at once.
  package static let limit = 64

  /// - Throws: ``PatchError`` if there is no patch, or too many; of kind `mismatch` naming the first
  ///   that does not follow the one before it, or if the last leads back to where the first began.
  package init(_ patches: [PatchFile]) throws(PatchError) {
    try Self.check(count: patches.count)
    self.patches = patches
    for (patch, next) in zip(patches, patches.dropFirst()) {
      try Self.check(next, isCutLike: patch)
      try Self.check(next, carriesLike: patch)
      guard next.follows(patch) else { throw Self.disorder(next, after: patch, in: patches) }
      try Self.check(next, agreesWith: patch)
    }
    guard patches.count == 1 || !patches[0].metadata.base.isSame(as: last.metadata.result) else {
      throw PatchError(
        .mismatch, path: last.path,
        "these patches end where they began: the result of the last is the base of the first, so "
          + "nothing would change", remedy: "leave out those that undo the others")
    }
  }

  /// - Throws: ``PatchError`` of kind `usage` if that many patches are not taken.
  package static func check(count: Int) throws(PatchError) {
    guard !(1...limit).contains(count) else { return }
    throw PatchError(
      .usage,
      count == 0 ? "there is no patch" : "at most \(limit) patches are taken at once, not \(count)",
      remedy: count == 0 ? "name one" : "combine some of them first")
  }

  package var last: PatchFile { patches[patches.count - 1] }

  /// The patch of which the checkpoint at one end of the sequence has that role.
  package func end(_ role: CheckpointRole) -> PatchFile { role == .base ? patches[0] : last }

  /// The paths of all, for messages.
  package var path: String { patches.paths }

  // MARK: Order

  private static func disorder(
    _ next: PatchFile, after patch: PatchFile, in patches: [PatchFile]
  ) -> PatchError {
    let others = patches.filter { $0.follows(patch) }
    let remedy =
      if let order = order(of: patches) {
        "name them in this order: " + order.map(\.path).joined(separator: " ")
      } else if let other = others.first {
        "\(other.path) follows it"
      } else {
        "none of those named follows it: leave out \(next.path), or name what comes between"
      }
    return PatchError(
      .mismatch, path: next.path,
      "this patch does not follow \(patch.path): its base has the digest "
        + "\(next.metadata.base.digest), and the result of the one before "
        + patch.metadata.result.digest, remedy: remedy)
  }

  /// The order in which all follow each other, if there is one.
  private static func order(of patches: [PatchFile]) -> [PatchFile]? {
    for start in patches.indices {
      var order = [patches[start]]
      var rest = patches
      rest.remove(at: start)
      while let next = rest.firstIndex(where: { $0.follows(order[order.count - 1]) }) {
        order.append(rest.remove(at: next))
      }
      if rest.isEmpty { return order }
    }
    return nil
  }

  /// Digests are those of chunks, so they only agree if these do.
  private static func check(_ next: PatchFile, isCutLike patch: PatchFile) throws(PatchError) {
    let other = next.index.tensors.first { tensor in
      guard let before = patch[tensor.name], before.shape == tensor.shape else { return false }
      return before.kept?.rows != tensor.kept?.rows
    }
    guard let other else { return }
    throw PatchError(
      .mismatch, path: next.path, tensor: other.name,
      "this patch and \(patch.path) cut tensor '\(other.name)' into other chunks, as only one of them "
        + "was made with the config.json of the model beside it",
      remedy: "take the patches one after the other")
  }

  /// Digests of all tensors are those of all but the carried ones.
  private static func check(_ next: PatchFile, carriesLike patch: PatchFile) throws(PatchError) {
    let (carried, before) = (Set(next.layouts?.carried ?? []), Set(patch.layouts?.carried ?? []))
    guard let name = carried.symmetricDifference(before).min() else { return }
    throw PatchError(
      .mismatch, path: next.path, tensor: name,
      "only one of this patch and \(patch.path) carries tensor '\(name)' whole",
      remedy: "take the patches one after the other")
  }

  /// Digests of all tensors agree; those of single ones must, too, or one of the patches is not sound.
  private static func check(
    _ next: PatchFile, agreesWith patch: PatchFile
  ) throws(PatchError) {
    let other = next.index.tensors.first { tensor in
      guard let before = patch[tensor.name] else { return true }
      return before.elementType != tensor.elementType || before.shape != tensor.shape
        || before.resultDigest != tensor.baseDigest
    }
    guard other != nil || next.index.tensors.count != patch.index.tensors.count else { return }
    throw PatchError(
      .badInput, path: next.path, tensor: other?.name,
      "this patch follows \(patch.path) by the digest of all tensors, but "
        + (other.map { "its tensor '\($0.name)' is another" } ?? "has fewer tensors"),
      remedy: "ask the publisher for a sound patch")
  }
}

extension PatchFile {
  /// Whether this patch is for the values that `other` gives, in whatever files.
  fileprivate func follows(_ other: PatchFile) -> Bool {
    metadata.base.digest == other.metadata.result.digest
  }
}

extension PatchMetadata.Identity {
  /// Whether values and files are the same, by their digests; not if nobody knows of the files.
  fileprivate func isSame(as other: Self) -> Bool {
    digest == other.digest && !files.isEmpty && holds(other.files)
  }
}

extension [PatchFile] {
  /// The paths of all, for messages.
  var paths: String { map(\.path).joined(separator: ", ") }
}
