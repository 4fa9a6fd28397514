internal import ByteIO
internal import Checkpoints
internal import PatchFormat

extension PatchBinding {
  /// The layout that the publisher's files have in the role `role`, if the patch carries it and
  /// the input's layout, `own`, is the one that it goes with.
  ///
  /// - Throws: ``PatchError`` if the patch carries a layout that the tensors do not fit.
  func layout(
    of role: CheckpointRole, given own: CheckpointLayout
  ) throws(PatchError) -> CheckpointLayout? {
    guard let layouts = patch.layouts, placement is DirectPlacement else { return nil }
    do throws(FormatError) {
      let encoded =
        role == .result
        ? try layouts.result(given: own.encoded) : try layouts.base(given: own.encoded)
      guard let encoded else { return nil }
      let layout = try CheckpointLayout(parsing: encoded.rawSpan)
      try check(layout)
      return layout
    } catch {
      throw PatchError(.badInput, path: patch.path, "the layout of the \(role.name): \(error)")
    }
  }

  /// A layout comes from the patch, so it may claim anything.
  private func check(_ layout: CheckpointLayout) throws(FormatError) {
    guard layout.files.count == checkpoint.files.count else {
      throw .corrupt(
        "it has \(layout.files.count) files, the input has \(checkpoint.files.count)", at: 0)
    }
    guard Set(layout.tensors.map(\.name)).count == checkpoint.tensors.count else {
      throw .corrupt("it has other tensors than the input", at: 0)
    }
    for place in layout.tensors {
      guard let tensor = checkpoint[place.name], tensor.fileIndex == place.fileIndex,
        tensor.descriptor.elementType == place.descriptor.elementType,
        tensor.descriptor.shape == place.descriptor.shape
      else {
        throw .corrupt("it has another tensor '\(place.name)' than the input", at: 0)
      }
    }
  }
}
