internal import ByteIO
internal import Checkpoints

extension GradiendCheckpoint {
  /// A parameter of the base, its selection, and where its entries lie among all N.
  package struct Coverage: Sendable {
    package let parameter: GradiendConfiguration.Parameter
    package let shape: [Int]
    package let selection: Selection
    package let entries: Range<Int>

    /// Whether every element of the parameter has an entry.
    var isComplete: Bool {
      if case .all = selection { true } else { false }
    }
  }
}

/// What says which elements of which parameters have entries.
struct Mapping {
  let configuration: GradiendConfiguration
  let masks: TensorFile?
  let indices: TensorFile?

  /// The covered parameters in the order of their entries.
  ///
  /// In the older layout, a file of masks has that order and the shapes.
  ///
  /// - Throws: ``CheckpointError`` if that file and the configuration name different parameters.
  func parameters() throws(CheckpointError) -> [GradiendConfiguration.Parameter] {
    guard configuration.layout == .older, let masks else { return configuration.parameters }
    let listed = configuration.parameters.map(\.name)
    if let name = listed.first(where: { masks[$0] == nil }) {
      throw CheckpointError(
        path: masks.path, .inconsistent("there is no mask of '\(name)', a layer of config.json"))
    }
    let names = Set(listed)
    if let mask = masks.tensors.first(where: { !names.contains($0.name) }) {
      throw CheckpointError(
        path: masks.path,
        .inconsistent("there is a mask of '\(mask.name)', which is no layer of config.json"))
    }
    guard names.count == listed.count else {
      throw CheckpointError(
        path: configuration.path, .inconsistent("layers names one twice, but each has one mask"))
    }
    return masks.tensors.map {
      GradiendConfiguration.Parameter(
        name: $0.name, shape: $0.shape, representation: .mask, key: $0.name, selectedCount: nil)
    }
  }

  /// What the entries of `parameters` are, where these have the shapes of `shapes`.
  ///
  /// - Throws: ``CheckpointError`` if a mask or indices do not fit, or N is another number.
  func coverages(
    of parameters: [GradiendConfiguration.Parameter], _ shapes: [[Int]]
  ) throws(CheckpointError) -> [GradiendCheckpoint.Coverage] {
    var coverages: [GradiendCheckpoint.Coverage] = []
    var end = 0
    for (parameter, shape) in zip(parameters, shapes) {
      let (selection, count) = try selection(of: parameter, shape)
      if let declared = parameter.selectedCount, declared != count {
        throw error(
          "parameter '\(parameter.name)': num_selected is \(declared), but its map selects "
            + "\(count)")
      }
      guard let next = end.plus(count) else {
        throw error("parameter '\(parameter.name)': the entries up to here overflow")
      }
      coverages.append(
        GradiendCheckpoint.Coverage(
          parameter: parameter, shape: shape, selection: selection, entries: end..<next))
      end = next
    }
    guard end == configuration.entryCount else {
      let isMapped = configuration.layout == .version0 || masks != nil
      throw error(
        "input_dim is \(configuration.entryCount), but "
          + (isMapped ? "the map selects \(end) entries" : "the base's layers have \(end) elements")
      )
    }
    return coverages
  }

  private func selection(
    of parameter: GradiendConfiguration.Parameter, _ shape: [Int]
  ) throws(CheckpointError) -> (selection: Selection, count: Int) {
    switch parameter.representation {
    case .all: return (.all, shape.reduce(1, *))
    case .mask:
      let (tensor, file) = try tensor(of: parameter, in: masks)
      return try Selection.mask(tensor, of: parameter.name, shape: shape, in: file)
    case .indices:
      let (tensor, file) = try tensor(of: parameter, in: indices)
      return try Selection.indices(tensor, of: parameter.name, shape: shape, in: file)
    }
  }

  private func tensor(
    of parameter: GradiendConfiguration.Parameter, in file: TensorFile?
  ) throws(CheckpointError) -> (TensorDescriptor, MappedFile) {
    let kind = parameter.representation.rawValue
    guard let file else {
      throw error("parameter '\(parameter.name)' has \(kind), but no file of them is named")
    }
    guard let key = parameter.key, let tensor = file[key] else {
      throw CheckpointError(
        path: file.path,
        .inconsistent(
          "there is no tensor '\(parameter.key ?? "")', the \(kind) of '\(parameter.name)'"))
    }
    return (tensor, file.file)
  }

  private func error(_ message: String) -> CheckpointError {
    CheckpointError(path: configuration.path, .inconsistent(message))
  }
}
