internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
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
      guard let header = checkpoint.files.first?.header,
        header.metadata("format") == PatchMetadata.format
      else { return .checkpoint(CheckpointReport(checkpoint)) }
      let patchPath =
        checkpoint.isFolder ? Folder.join(path, checkpoint.files[0].name) : path
      return .patch(PatchReport(try PatchFile(path: patchPath)))
    }
  }

  private var isGradiend: Bool {
    guard let file = try? MappedFile(path: Folder.join(path, "config.json")),
      let document = try? JSONValue(parsing: file.bytes)
    else { return false }
    let isLegacy = document["input_dim"] != nil && document["latent_dim"] != nil
    return document["architecture"]?.members != nil || isLegacy
  }
}

/// A tensor as `inspect` lists it.
public struct TensorReport: Sendable {
  /// Unique in its checkpoint.
  public let name: String
  /// As safetensors names it, such as `BF16`.
  public let elementType: String
  /// Outermost dimension first.
  public let shape: [Int]
  /// The product of the shape.
  public let elementCount: Int

  init(name: String, elementType: ElementType, shape: [Int]) {
    self.name = name
    self.elementType = elementType.name
    self.shape = shape
    elementCount = shape.reduce(1, *)
  }
}

/// What a checkpoint holds.
public struct CheckpointReport: Sendable {
  /// Name and length of each weight file.
  public let files: [(name: String, byteCount: Int)]
  /// File by file, each in the order of its bytes.
  public let tensors: [TensorReport]
  /// The `__metadata__` of the first file.
  public let metadata: [(key: String, value: String)]

  init(_ checkpoint: Checkpoint) {
    files = checkpoint.files.map { ($0.name, $0.mapped.byteCount) }
    tensors = checkpoint.tensors.map {
      TensorReport(
        name: $0.name, elementType: $0.descriptor.elementType, shape: $0.descriptor.shape)
    }
    metadata = checkpoint.files.first?.header.metadata.map { ($0.key, $0.value) } ?? []
  }
}

/// What a GRADIEND checkpoint holds.
public struct GradiendReport: Sendable {
  /// N, the selected elements of all parameters.
  public let entryCount: Int
  /// How many feature factors it takes.
  public let latentCount: Int
  /// The decoder's, under the name of the reference package.
  public let activation: String
  /// Whether the decoder has a bias.
  public let hasBias: Bool
  /// In which the update is rounded before it is added.
  public let elementType: String
  /// Name, shape, kind of selection, and number of selected elements of each covered parameter.
  public let parameters: [(name: String, shape: [Int], selection: String, selectedCount: Int)]

  init(_ gradiend: GradiendCheckpoint) {
    let configuration = gradiend.configuration
    entryCount = configuration.entryCount
    latentCount = configuration.latentCount
    activation = configuration.activation.rawValue
    hasBias = configuration.hasBias
    elementType = configuration.elementType.name
    parameters = gradiend.coverages.map {
      (
        $0.parameter.name, $0.parameter.shape, $0.parameter.representation.rawValue,
        $0.entries.count
      )
    }
  }
}

/// What a patch holds.
public struct PatchReport: Sendable {
  /// A tensor that the patch changes.
  public struct Change: Sendable {
    /// As the base has it.
    public let tensor: TensorReport
    /// How many of its elements differ in the result.
    public let changedCount: Int
    /// Its bytes in the patch.
    public let byteCount: Int
  }

  /// The metadata, as they stand in the file.
  public let metadata: [(key: String, value: String)]
  /// Tensors of the base.
  public let tensorCount: Int
  /// Elements of the base.
  public let elementCount: Int
  /// In the order in which they lie in the patch.
  public let changes: [Change]
  /// What the file's bytes are for; they add up to its length.
  public let byteCounts: [(part: String, byteCount: Int)]

  init(_ patch: PatchFile) {
    metadata = patch.metadata.entries.map { ($0.key, $0.value) }
    tensorCount = patch.index.tensors.count
    elementCount = patch.index.tensors.reduce(0) { $0 + $1.elementCount }
    changes = patch.index.tensors.compactMap { tensor in
      tensor.change.map { change in
        Change(
          tensor: TensorReport(
            name: tensor.name, elementType: tensor.elementType, shape: tensor.shape),
          changedCount: change.elementCount, byteCount: change.byteRange.count)
      }
    }
    byteCounts = [
      ("header", patch.deltasByteRange.lowerBound), ("deltas", patch.deltasByteRange.count),
      ("index", patch.indexByteRange.count),
    ]
  }

  /// The length of the patch.
  public var byteCount: Int { byteCounts.reduce(0) { $0 + $1.byteCount } }

  /// Elements of the base that differ in the result.
  public var changedElementCount: Int { changes.reduce(0) { $0 + $1.changedCount } }
}
