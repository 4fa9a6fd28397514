internal import ByteIO
internal import Checkpoints
internal import Gradiend
internal import PatchFormat

/// Says what a file or folder holds, without reading weights.
public struct Inspection: Sendable {
  /// A patch, a checkpoint file or folder, or a GRADIEND checkpoint folder.
  public var path: String

  /// Looks at what is at `path`.
  public init(path: String) {
    self.path = path
  }

  /// What can be inspected.
  public enum Report: Sendable {
    case patch(PatchReport)
    case checkpoint(CheckpointReport)
    case gradiend(GradiendReport)
  }

  /// - Throws: ``PatchError`` if it is nothing of the kind, or damaged.
  public func run() throws(PatchError) -> Report {
    try PatchError.opening { () throws(CheckpointError) in
      if isGradiend { return .gradiend(GradiendReport(try GradiendCheckpoint(path: path))) }
      let checkpoint = try Checkpoint(path: path)
      guard let file = checkpoint.files.first, file.container == .safetensors,
        file.metadata("format") == PatchMetadata.format
      else { return .checkpoint(CheckpointReport(checkpoint)) }
      let patchPath =
        checkpoint.isFolder ? Folder.join(path, checkpoint.files[0].name) : path
      return .patch(try PatchReport(try PatchFile(path: patchPath)))
    }
  }

  private var isGradiend: Bool {
    guard let file = try? MappedFile(path: Folder.join(path, "config.json")),
      let document = try? JSONValue(parsingPython: file.bytes)
    else { return false }
    let isOlder = document["input_dim"] != nil && document["layers"] != nil
    return document["architecture"]?.members != nil || isOlder
  }
}
