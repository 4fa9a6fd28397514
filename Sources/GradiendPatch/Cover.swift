internal import ByteIO
internal import Checkpoints
internal import Gradiend

/// Which tensors of a base a GRADIEND covers.
struct Cover {
  /// For each tensor of the base, what is added to it, one after the other.
  private(set) var coverages: [[GradiendCheckpoint.Coverage]]
  /// What a user should know of the choice.
  private(set) var notes: [String] = []

  /// Finds each parameter of `gradiend` in `base`.
  ///
  /// - Throws: ``PatchError`` naming the first parameter that is not there, is there twice, or has
  ///   another shape or a type that nothing can be added to.
  init(_ gradiend: GradiendCheckpoint, of base: Checkpoint) throws(PatchError) {
    coverages = Array(repeating: [], count: base.tensors.count)
    let places = try Self.places(of: gradiend, in: base)
    let shapes = places.map { base.tensors[$0].descriptor.shape }
    let found = try PatchError.opening { () throws(CheckpointError) in
      try gradiend.coverages(inShapes: shapes)
    }
    for (coverage, place) in zip(found, places) {
      let (parameter, tensor) = (coverage.parameter, base.tensors[place])
      // Only in the older layout can one parameter be there twice, with entries for each time.
      if let other = coverages[place].first?.parameter,
        other.name != parameter.name || gradiend.configuration.layout != .older
      {
        throw PatchError(
          .badInput, path: gradiend.path, tensor: tensor.name,
          "parameters '\(other.name)' and '\(parameter.name)' are both tensor "
            + "'\(tensor.name)' of the base")
      }
      guard tensor.descriptor.shape == coverage.shape else {
        throw PatchError(
          .badInput, path: base.path, tensor: tensor.name,
          "tensor '\(tensor.name)' has shape \(tensor.descriptor.shape), but the GRADIEND was "
            + "trained for \(coverage.shape)", remedy: Self.remedy)
      }
      guard FloatStorage(tensor.descriptor.elementType) != nil else {
        throw PatchError(
          .badInput, path: base.path, tensor: tensor.name,
          "tensor '\(tensor.name)' is \(tensor.descriptor.elementType.name); an update can be "
            + "added to F32, F16 and BF16 only")
      }
      coverages[place].append(coverage)
    }
    coverTiedCopies(of: base)
  }

  private static let remedy = "check that this is the model the GRADIEND was trained for"

  /// The position of each parameter's tensor in the base.
  private static func places(
    of gradiend: GradiendCheckpoint, in base: Checkpoint
  ) throws(PatchError) -> [Int] {
    let names = ParameterNames(base.tensors.map(\.name))
    let isWhole = gradiend.configuration.layout == .older
    let positions = Dictionary(
      uniqueKeysWithValues: base.tensors.enumerated().map { ($1.name, $0) })
    return try gradiend.parameters.map { (parameter) throws(PatchError) in
      let name = names.tensor(for: parameter.name, isWhole: isWhole)
      guard let position = name.flatMap({ positions[$0] }) else {
        throw PatchError(
          .badInput, path: base.path, tensor: parameter.name,
          "parameter '\(parameter.name)' of the GRADIEND is not here, or not under one name only",
          remedy: remedy)
      }
      return position
    }
  }

  /// Covers a tied output head that the file holds a second time.
  ///
  /// In memory it is one matrix with the embedding, so leaving it behind would untie the two. A head
  /// whose bytes differ is not tied, and one that the configuration calls untied stays as well.
  private mutating func coverTiedCopies(of base: Checkpoint) {
    let isUntied = ModelConfiguration(besides: base)?.untiesEmbeddings ?? false
    guard !base.isFolder || !isUntied else { return }
    for position in base.tensors.indices where coverages[position].isEmpty {
      let copy = base.tensors[position]
      guard copy.descriptor.shape.count == 2 else { continue }
      let original = base.tensors.indices.first { index in
        !coverages[index].isEmpty && isSame(base.tensors[index], copy, of: base)
      }
      guard let original else { continue }
      coverages[position] = coverages[original]
      notes.append(
        "'\(copy.name)' is the same matrix as '\(base.tensors[original].name)' and changes with it")
    }
  }

  private func isSame(
    _ first: Checkpoint.Tensor, _ second: Checkpoint.Tensor, of base: Checkpoint
  ) -> Bool {
    guard first.name != second.name, first.descriptor.shape == second.descriptor.shape,
      first.descriptor.elementType == second.descriptor.elementType
    else { return false }
    let bytes = base.file(of: first).bytes.extracting(first.descriptor.byteRange)
    return bytes.hasSameBytes(
      as: base.file(of: second).bytes.extracting(second.descriptor.byteRange))
  }
}
