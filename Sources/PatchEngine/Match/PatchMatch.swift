internal import ByteIO
package import Checkpoints
internal import DeltaCoding
internal import ModelNames
package import PatchFormat

/// The tensors of a patch, found in a source that holds their values.
package struct PatchMatch: Sendable {
  package let patch: PatchFile
  package let source: any TensorSource
  /// In the order of the source, or of the patch if the source holds the values in another form.
  package private(set) var tensors: [MatchedTensor] = []
  /// Bytes of the source's tensors that are neither checked nor changed.
  package private(set) var unmatched: [StoredBytes] = []
  /// Whether all tensors are stored as they are in the patch, under the same names.
  package private(set) var isDirect = false
  /// Whether all tensors of the patch's base are there.
  package var isComplete = true
  /// What a user should know, in sentences without a full stop.
  package var notes: [String] = []
  /// Whether the source is being changed in place, so that not all its bytes are those of one of the
  /// patch's two checkpoints.
  private let isPartlyChanged: Bool

  /// - Parameters:
  ///   - patch: the patch.
  ///   - source: what it is applied to or stripped from.
  ///   - isPartlyChanged: whether the source is being changed in place.
  /// - Throws: ``PatchError`` of kind `mismatch` naming the first tensor that does not fit.
  package init(
    _ patch: PatchFile, _ source: any TensorSource, isPartlyChanged: Bool = false
  ) throws(PatchError) {
    self.patch = patch
    self.source = source
    self.isPartlyChanged = isPartlyChanged
    try checkCarriedTensors()
    let sharesNames = patch.index.tensors.contains { source[$0.name] != nil }
    switch source.convention {
    case .huggingFace where isOfGGUF && !sharesNames: try matchOrigin()
    case .gguf(let header) where !sharesNames:
      let mapping = try PatchError.opening { () throws(CheckpointError) in
        try GGUFMapping(header, path: source.path)
      }
      try matchConverted(mapping)
    default:
      if holdsOtherFloats { try matchConverted(nil) } else { try matchDirectly() }
    }
  }

  /// Tensors of a patch that somebody has found in a source.
  ///
  /// - Parameters:
  ///   - found: as the patch lists them, and where they are.
  ///   - patch: the patch.
  ///   - source: what it is applied to or stripped from.
  /// - Throws: ``PatchError`` if the patch's chunks do not fit a tensor.
  package init(
    _ found: [(entry: PatchIndex.Tensor, placement: TensorPlacement)], _ patch: PatchFile,
    _ source: any TensorSource
  ) throws(PatchError) {
    self.patch = patch
    self.source = source
    isPartlyChanged = false
    isComplete = found.count == patch.index.tensors.count
    try checkCarriedTensors()
    for (entry, placement) in found { add(try MatchedTensor(entry, in: patch, at: placement)) }
  }

  /// - Throws: ``PatchError`` if the patch carries tensors whole, and they are not set aside in the source:
  ///   what the others become without them is another model.
  private func checkCarriedTensors() throws(PatchError) {
    guard let carried = patch.layouts?.carried, !carried.isEmpty else { return }
    let here = Set(source.setAside.map(\.name))
    guard let name = carried.first(where: { !here.contains($0) }) else { return }
    throw mismatch(
      name,
      "the patch carries tensor '\(name)' whole, which only goes with files as the publisher has them, "
        + "headers included")
  }

  /// Whether the patch was made for a GGUF.
  private var isOfGGUF: Bool { patch[GGUFMapping.embedding] != nil }

  /// Whether a tensor has the patch's name, but another type of floats.
  private var holdsOtherFloats: Bool {
    let floats: Set<ElementType> = [.float32, .float16, .bfloat16]
    return patch.index.tensors.contains { tensor in
      guard let found = source[tensor.name]?.elementType else { return false }
      return found != tensor.elementType && floats.isSuperset(of: [found, tensor.elementType])
    }
  }

  private mutating func matchDirectly() throws(PatchError) {
    isDirect = true
    for found in source.tensors {
      guard let expected = patch[found.name] else {
        throw mismatch(found.name, "tensor '\(found.name)' is not in the patch's base")
      }
      guard expected.elementType == found.elementType, expected.shape == found.shape else {
        throw mismatch(
          found.name,
          "tensor '\(found.name)' is \(found.elementType.name) \(found.shape), the patch is for "
            + "\(expected.elementType.name) \(expected.shape)")
      }
      add(try MatchedTensor(expected, in: patch, storedAs: found))
    }
    if let missing = patch.index.tensors.first(where: { source[$0.name] == nil }) {
      throw mismatch(
        missing.name, "tensor '\(missing.name)' of the patch's base is missing")
    }
  }

  /// Those of a share: of a tensor that is stored more than once, the first place says whose it is.
  package func tensors(of share: FileShare) -> [MatchedTensor] {
    tensors.filter { share.holds($0.stored[0]) }
  }

  // MARK: Reading and writing

  /// A copy of a chunk's values, in the patch's type and order.
  ///
  /// - Throws: ``PatchError`` if the source does not tell what they are.
  package func values(of chunk: Chunk<MatchedTensor>) throws(PatchError) -> [UInt8] {
    try chunk.tensor.placement.values(of: chunk, from: source)
  }

  /// Writes a chunk, given in the patch's type and order, as the source would store it.
  ///
  /// - Parameters:
  ///   - values: the chunk's bytes.
  ///   - chunk: the chunk.
  ///   - sink: the source's files or memory, or others in their image.
  ///   - losses: counts values that the stored types cannot hold; nil refuses them.
  /// - Throws: ``PatchError`` if a value could not be read back; what `sink` throws.
  package func write(
    _ values: RawSpan, of chunk: Chunk<MatchedTensor>, to sink: any TensorSink,
    countingIn losses: LossCounter? = nil
  ) throws(PatchError) {
    try chunk.tensor.placement.write(
      values, of: chunk, to: sink, path: source.path, countingIn: losses)
  }

  // MARK: Building

  package mutating func add(_ tensor: MatchedTensor) {
    tensors.append(tensor)
    unmatched += tensor.placement.unmatchedBytes
  }

  /// A tensor that is stored in an order or a type of its own.
  ///
  /// - Throws: ``PatchError`` if the patch's chunks do not fit it, or cannot be moved about.
  func reordered(
    _ entry: PatchIndex.Tensor, storedAs stored: [StoredTensor], order: ElementOrder,
    conversion: FloatConversion, firstElement: Int = 0
  ) throws(PatchError) -> MatchedTensor {
    let placement = TensorPlacement(
      entry.name, entry.elementType, entry.shape, stored, order: order, conversion: conversion,
      firstElement: firstElement)
    guard placement.canBeReordered else {
      let name = placement.storedName
      throw mismatch(name, "the rows of tensor '\(name)' cannot be put in order")
    }
    return try MatchedTensor(entry, in: patch, at: placement)
  }

  /// Leaves a tensor of the source as it is.
  package mutating func leave(_ tensor: StoredTensor) {
    unmatched.append(StoredBytes(tensor: tensor, byteRange: 0..<tensor.byteCount))
  }

  /// Whether a tensor is the embedding once more, and so changes with it. Of a source that is partly
  /// changed the two may differ, but were the same in the beginning.
  package func isCopy(_ head: StoredTensor, of embedding: StoredTensor) -> Bool {
    guard head.shape == embedding.shape, head.elementType == embedding.elementType else {
      return false
    }
    return isPartlyChanged || source.isSame(head, as: embedding, of: source)
  }

  package func mismatch(_ tensor: String, _ message: String) -> PatchError {
    PatchError(
      .mismatch, path: source.path, tensor: tensor, message, remedy: patch.baseDescription)
  }
}

extension PatchFile {
  /// A sentence on the base that the patch needs, and how to get it where that is known.
  package var baseDescription: String {
    let files = metadata.base.files.map { "\($0.name) (SHA-256 \($0.sha256))" }
    let more = files.count > 1 ? " and \(files.count - 1) more" : ""
    let made =
      files.first.map { "the patch was made for \($0)\(more)" }
      ?? "the patch does not say for which files it was made"
    guard let origin = metadata.origins.base else { return made }
    return made + ", of \(origin.repository) at commit \(origin.commit); this gets it: "
      + origin.downloadCommand
  }
}
