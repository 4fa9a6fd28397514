package import ByteIO
package import Checkpoints

/// A GRADIEND checkpoint: decoder and encoder weights, and the parameters of the base they cover.
package struct GradiendCheckpoint: Sendable {
  /// A parameter of the base, its selection, and where its entries lie among all N.
  package struct Coverage: Sendable {
    package let parameter: GradiendConfiguration.Parameter
    package let selection: Selection
    package let entries: Range<Int>

    /// Whether every element of the parameter has an entry.
    var isComplete: Bool {
      if case .all = selection { true } else { false }
    }
  }

  /// The folder, as the user named it.
  package let path: String
  package let configuration: GradiendConfiguration
  package let weights: Checkpoint
  package let coverages: [Coverage]
  /// The configuration, then the masks and the indices if there are any.
  private let mappingFiles: [MappedFile]

  /// Opens the folder at `path`, and checks that configuration, weights and mapping agree.
  ///
  /// - Throws: ``CheckpointError`` naming the file, and the parameter or tensor, at fault.
  /// - Complexity: O(masks and indices); the weights are not read.
  package init(path: String) throws(CheckpointError) {
    self.path = path
    let configuration = try GradiendConfiguration(path: Folder.join(path, "config.json"))
    self.configuration = configuration
    weights = try Checkpoint(path: try Self.weightsPath(in: path))
    try Self.check(weights, against: configuration)
    let masks = try Self.mapping(configuration.masksFile, folder: path)
    let indices = try Self.mapping(configuration.indicesFile, folder: path)
    coverages = try Self.coverages(configuration, masks: masks, indices: indices)
    mappingFiles =
      [configuration.file] + [masks, indices].compactMap { $0?.files.first?.mapped }
  }

  /// The tensors whose presence and shape `configuration` fixes.
  private static func check(
    _ weights: Checkpoint, against configuration: GradiendConfiguration
  ) throws(CheckpointError) {
    let (entryCount, latentCount) = (configuration.entryCount, configuration.latentCount)
    var expected: [(name: TensorName, shape: [Int])] = [
      (.encoderWeight, [latentCount, entryCount]),
      (.decoderWeight, [entryCount, latentCount]),
    ]
    if configuration.hasBias { expected.append((.decoderBias, [entryCount])) }
    for (name, shape) in expected {
      guard let tensor = weights[name.rawValue] else {
        throw CheckpointError(
          path: weights.path, .inconsistent("tensor '\(name.rawValue)' is missing"))
      }
      guard tensor.descriptor.shape == shape else {
        throw CheckpointError(
          path: weights.path,
          .inconsistent(
            "tensor '\(name.rawValue)' has shape \(tensor.descriptor.shape), but config.json "
              + "needs \(shape)"))
      }
      guard FloatStorage(tensor.descriptor.elementType) != nil else {
        throw CheckpointError(
          path: weights.path,
          .inconsistent(
            "tensor '\(name.rawValue)' is \(tensor.descriptor.elementType.name), not F32, F16 "
              + "or BF16"))
      }
    }
    if !configuration.hasBias, weights[TensorName.decoderBias.rawValue] != nil {
      throw CheckpointError(
        path: weights.path,
        .inconsistent("there is a '\(TensorName.decoderBias.rawValue)', but config.json says none"))
    }
  }

  /// The tensors of a GRADIEND that an update may need.
  enum TensorName: String {
    case encoderWeight = "encoder.0.linear.weight"
    case decoderWeight = "decoder.0.linear.weight"
    case decoderBias = "decoder.0.linear.bias"
  }

  /// `model.safetensors`, beside the configuration or in the subfolder `model`.
  private static func weightsPath(in folder: String) throws(CheckpointError) -> String {
    let places = [folder, Folder.join(folder, "model")]
    for place in places {
      let path = Folder.join(place, "model.safetensors")
      if FileStatus.exists(path) { return path }
    }
    for place in places where FileStatus.exists(Folder.join(place, "pytorch_model.bin")) {
      throw CheckpointError(path: Folder.join(place, "pytorch_model.bin"), .inconsistent(wayOut))
    }
    throw CheckpointError(path: folder, .inconsistent("there is no model.safetensors"))
  }

  /// The bytes that determine the update, in the order of Formats/patch.md, section 7.
  package func determiningBytes(part: UpdatePart) -> [(file: MappedFile, range: Range<Int>)] {
    var parts = mappingFiles.map { ($0, 0..<$0.byteCount) }
    var names: [TensorName] = [.decoderWeight, .decoderBias]
    if part == .encoderWeight { names.append(.encoderWeight) }
    for name in names {
      guard let tensor = weights[name.rawValue] else { continue }
      parts.append((weights.file(of: tensor), tensor.descriptor.byteRange))
    }
    return parts
  }

  private static let wayOut =
    "this GRADIEND checkpoint is stored as a PyTorch file, which this version does not read; load "
    + "it with the reference package and save it with use_safetensors=True"

  private static func coverages(
    _ configuration: GradiendConfiguration, masks: Checkpoint?, indices: Checkpoint?
  ) throws(CheckpointError) -> [Coverage] {
    var coverages: [Coverage] = []
    var end = 0
    for parameter in configuration.parameters {
      let selection: Selection
      let count: Int
      switch parameter.representation {
      case .all:
        (selection, count) = (.all, parameter.elementCount)
      case .mask:
        let (tensor, file) = try tensor(of: parameter, in: masks, configuration)
        (selection, count) = try Selection.mask(tensor, of: parameter, in: file)
      case .indices:
        let (tensor, file) = try tensor(of: parameter, in: indices, configuration)
        (selection, count) = try Selection.indices(tensor, of: parameter, in: file)
      }
      if let declared = parameter.selectedCount, declared != count {
        throw CheckpointError(
          path: configuration.path,
          .inconsistent(
            "parameter '\(parameter.name)': num_selected is \(declared), but its map selects "
              + "\(count)"))
      }
      let (next, overflows) = end.addingReportingOverflow(count)
      guard !overflows else {
        throw CheckpointError(
          path: configuration.path,
          .inconsistent("parameter '\(parameter.name)': the entries up to here overflow"))
      }
      coverages.append(
        Coverage(parameter: parameter, selection: selection, entries: end..<next))
      end = next
    }
    guard end == configuration.entryCount else {
      throw CheckpointError(
        path: configuration.path,
        .inconsistent(
          "input_dim is \(configuration.entryCount), but the map selects \(end) entries"))
    }
    return coverages
  }

  private static func mapping(
    _ name: String?, folder: String
  ) throws(CheckpointError) -> Checkpoint? {
    guard let name else { return nil }
    let path = Folder.join(folder, name)
    guard !PyTorchFile.isName(name) else {
      throw CheckpointError(path: path, .inconsistent(wayOut))
    }
    return try Checkpoint(path: path)
  }

  private static func tensor(
    of parameter: GradiendConfiguration.Parameter, in mapping: Checkpoint?,
    _ configuration: GradiendConfiguration
  ) throws(CheckpointError) -> (TensorDescriptor, MappedFile) {
    let kind = parameter.representation.rawValue
    guard let mapping else {
      throw CheckpointError(
        path: configuration.path,
        .inconsistent("parameter '\(parameter.name)' has \(kind), but no file of them is named"))
    }
    guard let key = parameter.key, let tensor = mapping[key] else {
      throw CheckpointError(
        path: mapping.path,
        .inconsistent(
          "there is no tensor '\(parameter.key ?? "")', the \(kind) of '\(parameter.name)'"))
    }
    return (tensor.descriptor, mapping.file(of: tensor))
  }
}
