package import ByteIO
package import Checkpoints

/// A GRADIEND checkpoint: decoder and encoder weights, and the parameters of the base they cover.
package struct GradiendCheckpoint: Sendable {
  /// The folder, as the user named it.
  package let path: String
  package let configuration: GradiendConfiguration
  package let weights: TensorFile
  /// In the order of their entries. In the older layout one may be there several times.
  package let parameters: [GradiendConfiguration.Parameter]
  /// What each parameter's entries are; nil where only a base says how many elements it has.
  package let coverages: [Coverage]?
  let masks: TensorFile?
  let indices: TensorFile?

  /// Opens the folder at `path`, and checks that configuration, weights and mapping agree.
  ///
  /// - Throws: ``CheckpointError`` naming the file, and the parameter or tensor, at fault.
  /// - Complexity: O(masks and indices); the weights are not read.
  package init(path: String) throws(CheckpointError) {
    self.path = path
    guard (try? FileStatus(path: path))?.isFolder ?? true else {
      throw CheckpointError(
        path: path,
        .inconsistent(
          "this is a file; a GRADIEND checkpoint is a folder with config.json and its weights"))
    }
    let configuration = try GradiendConfiguration(path: Folder.join(path, "config.json"))
    self.configuration = configuration
    weights = try TensorFile(path: try Self.weightsPath(in: path, configuration.layout))
    try Self.check(weights, against: configuration)
    let mapping = Mapping(
      configuration: configuration, masks: try Self.masks(configuration, folder: path),
      indices: try configuration.indicesFile.map { (name) throws(CheckpointError) in
        try TensorFile(path: Folder.join(path, name))
      })
    (masks, indices) = (mapping.masks, mapping.indices)
    parameters = try mapping.parameters()
    let shapes = parameters.compactMap(\.shape)
    coverages =
      try shapes.count == parameters.count ? mapping.coverages(of: parameters, shapes) : nil
  }

  /// The classes of its feature and what each is encoded as, where a file beside it says so
  /// (Formats/gradiend-checkpoint.md, section 7); none where it does not.
  package var featureClasses: [(name: String, code: Double)] {
    guard let file = try? MappedFile(path: Folder.join(path, "gradiend_context.json")),
      let context = try? JSONValue(parsingPython: file.bytes)
    else { return [] }
    let directions = context["feature_class_encoding_direction"]?.members ?? []
    let classes = directions.compactMap { member -> (name: String, code: Double)? in
      switch member.value {
      case .integer(let code): (member.key, Double(code))
      case .real(let code): (member.key, code)
      default: nil
      }
    }
    return classes.count == directions.count ? classes : []
  }

  /// Places the entries in the parameters of a base.
  ///
  /// - Parameter shapes: those of the base's tensors, one for each of ``parameters``; they matter
  ///   only where the checkpoint does not have them.
  /// - Returns: what each parameter's entries are.
  /// - Throws: ``CheckpointError`` if the base has more or fewer elements than there are entries.
  package func coverages(inShapes shapes: [[Int]]) throws(CheckpointError) -> [Coverage] {
    if let coverages { return coverages }
    return try Mapping(configuration: configuration, masks: masks, indices: indices)
      .coverages(of: parameters, shapes)
  }

  // MARK: Weights

  /// The tensors of a GRADIEND that an update may need.
  package enum TensorName: String, Sendable {
    case encoderWeight = "encoder.0.linear.weight"
    case decoderWeight = "decoder.0.linear.weight"
    case decoderBias = "decoder.0.linear.bias"

    /// What the oldest checkpoints call it.
    var oldestName: String { rawValue.replacing(".linear", with: "") }
  }

  /// The tensor under this name, or under that of the oldest checkpoints.
  package func tensor(_ name: TensorName) -> TensorDescriptor? {
    Self.tensor(name, in: weights, configuration.layout)
  }

  private static func tensor(
    _ name: TensorName, in weights: TensorFile, _ layout: GradiendConfiguration.Layout
  ) -> TensorDescriptor? {
    weights[name.rawValue] ?? (layout == .older ? weights[name.oldestName] : nil)
  }

  /// The tensors whose presence and shape `configuration` fixes.
  private static func check(
    _ weights: TensorFile, against configuration: GradiendConfiguration
  ) throws(CheckpointError) {
    func error(_ name: TensorName, _ message: String) -> CheckpointError {
      CheckpointError(
        path: weights.path, .inconsistent("tensor '\(name.rawValue)' \(message)"))
    }
    let (entryCount, latentCount) = (configuration.entryCount, configuration.latentCount)
    var expected: [(name: TensorName, shape: [Int])] = [
      (.encoderWeight, [latentCount, entryCount]),
      (.decoderWeight, [entryCount, latentCount]),
    ]
    if configuration.hasBias { expected.append((.decoderBias, [entryCount])) }
    for (name, shape) in expected {
      guard let tensor = tensor(name, in: weights, configuration.layout) else {
        throw error(name, "is missing")
      }
      if configuration.layout == .older, tensor.name == name.rawValue,
        weights[name.oldestName] != nil
      {
        throw error(name, "is there twice, also as '\(name.oldestName)'")
      }
      guard tensor.shape == shape else {
        throw error(name, "has shape \(tensor.shape), but config.json needs \(shape)")
      }
      guard FloatStorage(tensor.elementType) != nil else {
        throw error(name, "is \(tensor.elementType.name), not F32, F16 or BF16")
      }
    }
    if !configuration.hasBias,
      let bias = tensor(.decoderBias, in: weights, configuration.layout)
    {
      throw CheckpointError(
        path: weights.path,
        .inconsistent("there is a '\(bias.name)', but config.json says none"))
    }
  }

  /// Where the weights lie: in the form that the layout's own code looks for first, beside the
  /// configuration or in the subfolder `model`.
  private static func weightsPath(
    in folder: String, _ layout: GradiendConfiguration.Layout
  ) throws(CheckpointError) -> String {
    let names = ["model.safetensors", "pytorch_model.bin"]
    for place in [folder, Folder.join(folder, "model")] {
      for name in layout == .older ? names.reversed() : names {
        let path = Folder.join(place, name)
        if FileStatus.exists(path) { return path }
      }
    }
    throw CheckpointError(
      path: folder, .inconsistent("there is no model.safetensors and no pytorch_model.bin"))
  }

  private static func masks(
    _ configuration: GradiendConfiguration, folder: String
  ) throws(CheckpointError) -> TensorFile? {
    guard let name = configuration.masksFile else { return nil }
    let path = Folder.join(folder, name)
    guard configuration.layout == .version0 || FileStatus.exists(path) else {
      throw CheckpointError(
        path: path,
        .inconsistent(
          "config.json says that this file has the masks of the layers, but it is missing; without "
            + "it nothing tells which elements the checkpoint covers"))
    }
    return try TensorFile(path: path)
  }

  /// Bytes that determine an update.
  package struct DeterminingPart: Sendable {
    package let file: MappedFile
    package let range: Range<Int>
    /// Of a vector, whose entries lie one after the other; nil of what tells where entries go.
    package let bytesPerEntry: Int?
  }

  /// What determines the update, in the order of Formats/patch.md, section 7.
  package func determiningParts(of part: UpdatePart) -> [DeterminingPart] {
    let files = [configuration.file, masks?.file, indices?.file].compactMap { $0 }
    var parts = files.map {
      DeterminingPart(file: $0, range: 0..<$0.byteCount, bytesPerEntry: nil)
    }
    var names: [TensorName] = [.decoderWeight, .decoderBias]
    // A vector as well: only of one latent can it be added.
    if part == .encoderWeight { names.append(.encoderWeight) }
    for name in names {
      guard let tensor = tensor(name) else { continue }
      parts.append(
        DeterminingPart(
          file: weights.file, range: tensor.byteRange,
          bytesPerEntry: tensor.byteRange.count / max(1, configuration.entryCount)))
    }
    return parts
  }
}
