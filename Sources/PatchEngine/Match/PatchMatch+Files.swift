internal import ByteIO
package import Checkpoints
package import PatchFormat

extension PatchMatch {
  /// The layout that the publisher's files have in the role `role`, if the patch carries it and
  /// the input's layout, `own`, is the one that it goes with.
  ///
  /// - Throws: ``PatchError`` if the patch carries a layout that the tensors do not fit.
  package func layout(
    of role: CheckpointRole, given own: CheckpointLayout
  ) throws(PatchError) -> CheckpointLayout? {
    guard let layouts = patch.layouts, isDirect else { return nil }
    do throws(FormatError) {
      let encoded =
        role == .result
        ? try layouts.result(given: own.encoded) : try layouts.base(given: own.encoded)
      guard let encoded else { return nil }
      let layout = try CheckpointLayout(
        parsing: encoded.rawSpan, settingAside: Set(layouts.carried))
      try check(layout, against: own)
      return layout
    } catch {
      throw PatchError(.badInput, path: patch.path, "the layout of the \(role.name): \(error)")
    }
  }

  /// A layout comes from the patch, so it may claim anything.
  private func check(_ layout: CheckpointLayout, against own: CheckpointLayout) throws(FormatError)
  {
    guard layout.files.count == own.files.count else {
      throw .corrupt(
        "it has \(layout.files.count) files, the input has \(own.files.count)", at: 0)
    }
    guard Set(layout.tensors.map(\.name)).count == source.tensors.count,
      layout.files.map({ Set($0.setAside.map(\.name)) })
        == own.files.map({ Set($0.setAside.map(\.name)) })
    else {
      throw .corrupt("it has other tensors than the input", at: 0)
    }
    guard CarriedTensors.areFew(layout.files.flatMap(\.setAside)) else {
      throw .limitExceeded("the tensors that it carries are too large", at: 0)
    }
    for place in layout.tensors {
      guard let tensor = source[place.name], tensor.fileIndex == place.fileIndex,
        tensor.descriptor.elementType == place.descriptor.elementType,
        tensor.descriptor.shape == place.descriptor.shape
      else {
        throw .corrupt("it has another tensor '\(place.name)' than the input", at: 0)
      }
    }
  }

  /// - Parameter isOptional: whether nobody but the user asks for the publisher's files.
  /// - Throws: ``PatchError`` if the files hold the values in another form than the publisher's, or the patch
  ///   does not say what those are.
  package func checkHasPublishedBytes(isOptional: Bool = true) throws(PatchError) {
    guard !isDirect || patch.metadata.base.files.isEmpty else { return }
    throw PatchError(
      .usage, path: isDirect ? patch.path : source.path,
      isDirect
        ? "the patch does not say what SHA-256 the files have"
        : "these files hold the values in another form, so they cannot have the publisher's SHA-256",
      remedy: isOptional ? "leave out that check; the values themselves are checked" : nil,
      option: isOptional ? .sha256 : nil)
  }

  /// Checks that files in a role are the publisher's.
  ///
  /// - Parameters:
  ///   - files: their digests.
  ///   - role: which of the two checkpoints they are.
  ///   - numbers: which of the files they are, if not all.
  /// - Throws: ``PatchError`` of kind `mismatch`.
  package func check(
    _ files: [FileDigest], of role: CheckpointRole, only numbers: [Int]? = nil
  ) throws(PatchError) {
    var identity = patch.metadata.identity(in: role)
    if let numbers, identity.files.count == source.mappedFiles.count {
      identity.files = numbers.map { identity.files[$0] }
    }
    guard !identity.holds(files) else { return }
    let first = zip(files, identity.files).first { $0.sha256 != $1.sha256 }
    throw PatchError(
      .mismatch, path: source.path,
      "the values are right, but the files are not those of the publisher: "
        + (first.map { "the SHA-256 of '\($0.name)' is \($0.sha256), expected \($1.sha256)" }
          ?? "there are \(files.count), expected \(identity.files.count)"),
      remedy: "leave out that check to accept the same values in other files", option: .sha256)
  }
}
