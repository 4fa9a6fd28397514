internal import ByteIO
internal import Checkpoints

/// Keeps outputs away from inputs.
struct OutputGuard {
  private let inputs: [MappedFile]
  private let folders: [String]

  init(inputs: [Checkpoint.File], folders: [String] = []) {
    self.init(inputs: inputs.map(\.mapped), folders: folders)
  }

  init(inputs: [MappedFile], folders: [String] = []) {
    self.inputs = inputs
    self.folders = folders
  }

  /// Checks that `output` is none of the inputs, under whatever name.
  ///
  /// - Throws: ``PatchError`` of kind `cannotCreate`.
  func check(_ output: String) throws(PatchError) {
    guard let status = try? FileStatus(path: output) else { return }
    let isInput =
      inputs.contains { $0.identity == status.identity }
      || folders.contains { (try? FileStatus(path: $0))?.identity == status.identity }
    guard !isInput else {
      throw PatchError(
        .cannotCreate, path: output, "the output is one of the inputs",
        remedy: "choose another name for the output")
    }
  }
}
