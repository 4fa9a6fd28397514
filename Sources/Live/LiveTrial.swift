internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
package import Gradiend
package import PatchEngine
internal import Synchronization

/// A model in memory that tries one candidate after the other: what a GRADIEND makes of its base for some
/// feature factors and learning rate.
///
/// A candidate may change every element, so nothing is kept of what it replaces: the base's files give it
/// back.
package final class LiveTrial: Sendable {
  private struct PlacedTensor: TensorInChunks {
    let base: StoredTensor
    let placement: TensorPlacement
    var elementType: ElementType { base.elementType }
    var shape: [Int] { base.shape }
  }

  private struct State {
    var isBase = true
    /// The digests of all blocks of the base, once they are known.
    var digests: ChunkDigests?
  }

  private let source: GradiendBase
  private let model: MemoryModel
  private let tensors: [PlacedTensor]
  /// Those that a candidate changes, each place once.
  private let changed: [PlacedTensor]
  /// Of the model's tensors that a candidate changes.
  private let blocks: [LiveBlock]
  private let state = Mutex(State())

  /// - Parameters:
  ///   - source: the base's files, and the GRADIEND.
  ///   - model: holds the base's values; nobody else may write to it meanwhile.
  /// - Throws: ``PatchError`` of kind `mismatch` naming the first tensor that does not fit, or that the
  ///   GRADIEND changes and the model lacks, or is one with another that changes differently.
  package init(_ source: GradiendBase, _ model: MemoryModel) throws(PatchError) {
    self.source = source
    self.model = model
    let names = try LiveNames(source.base.tensors, in: model)
    tensors = source.base.tensors.compactMap { tensor in
      names.placements[tensor.name].map { PlacedTensor(base: tensor, placement: $0) }
    }
    for tensor in source.base.tensors
    where source.changes(tensor) && names.placements[tensor.name] == nil {
      throw PatchError(
        .mismatch, path: model.path, tensor: tensor.name,
        "tensor '\(tensor.name)', which the GRADIEND changes, is not here")
    }
    changed = try Self.changed(tensors, source, model)
    var seen: Set<Int> = []
    blocks = changed.flatMap(\.placement.stored)
      .filter { seen.insert($0.fileIndex).inserted }.flatMap(LiveBlock.blocks)
  }

  /// Those of some tensors that a candidate changes. Several may be one in the model, which is changed once.
  private static func changed(
    _ tensors: [PlacedTensor], _ source: GradiendBase, _ model: MemoryModel
  ) throws(PatchError) -> [PlacedTensor] {
    var owners: [[Int]: StoredTensor] = [:]
    var changed: [PlacedTensor] = []
    for tensor in tensors {
      let place = [tensor.placement.stored[0].fileIndex, tensor.placement.firstElement]
      guard let owner = owners[place] else {
        owners[place] = tensor.base
        if source.changes(tensor.base) { changed.append(tensor) }
        continue
      }
      guard source.changesAlike(owner, tensor.base) else {
        throw PatchError(
          .mismatch, path: model.path, tensor: tensor.base.name,
          "tensors '\(owner.name)' and '\(tensor.base.name)' are one here, but the GRADIEND changes "
            + "them differently", remedy: "untie them first")
      }
    }
    return changed
  }

  /// Makes the model a candidate.
  ///
  /// - Parameters:
  ///   - output: of the GRADIEND.
  ///   - execution: how; if cancelled, the model is the base.
  /// - Throws: ``PatchError``. Of kind `unfinished`, the model is neither; else it is the base, or was
  ///   not before and is left alone.
  /// - Complexity: O(bytes of the model and of the GRADIEND), with a few chunks of memory for each thread.
  package func enter(_ output: DecoderOutput, _ execution: Execution) throws(PatchError) {
    try exclusively { (state) throws(PatchError) in
      if !state.isBase {
        try restore(&state, execution)
      } else if let digests = state.digests {
        try check(digests, execution.silent)
      } else {
        try compareWithFiles(execution.silent)
        state.digests = try recordDigests(execution.silent)
      }
      state.isBase = false
      do throws(PatchError) {
        try write(output, execution)
      } catch {
        try restore(&state, execution, after: error)
        throw PatchError(
          error.kind, path: error.path ?? model.path, tensor: error.tensor,
          "\(error.message); the model is the base", remedy: error.remedy)
      }
    }
  }

  /// Makes the model the base again, if it is not.
  ///
  /// - Throws: ``PatchError`` of kind `unfinished` if the base's files do not give it back.
  package func leave(_ execution: Execution) throws(PatchError) {
    try exclusively { (state) throws(PatchError) in
      if !state.isBase { try restore(&state, execution) }
    }
  }

  private func exclusively(
    _ body: (inout State) throws(PatchError) -> Void
  ) throws(PatchError) {
    try model.exclusively { () throws(PatchError) in
      try state.withLock { (state) throws(PatchError) in try body(&state) }
    }
  }

  // MARK: Checking

  private func compareWithFiles(_ execution: Execution) throws(PatchError) {
    try model.reading { () throws(PatchError) in
      try execution.forEachChunk(of: ChunkPlan(tensors)) { (chunk) throws(PatchError) in
        let tensor = chunk.tensor
        let values = try tensor.placement.values(of: chunk, from: model)
        guard values == source.base.bytes(of: tensor.base, in: chunk.byteRange) else {
          let name = tensor.placement.storedName
          throw PatchError(
            .mismatch, path: model.path, tensor: name,
            "tensor '\(name)' has other values than \(source.base.path)",
            remedy: "load the base, or take the base that was loaded")
        }
      }
    }
  }

  private func recordDigests(_ execution: Execution) throws(PatchError) -> ChunkDigests {
    let digests = ChunkDigests(count: blocks.count)
    try execution.forEach(blocks.count) { (index) throws(PatchError) in
      digests.record(try model.digest(of: blocks[index]), of: index)
    }
    return digests
  }

  private func check(_ digests: ChunkDigests, _ execution: Execution) throws(PatchError) {
    try execution.forEach(blocks.count) { (index) throws(PatchError) in
      guard try model.digest(of: blocks[index]) == digests.digest(of: index) else {
        let name = blocks[index].tensor.name
        throw PatchError(
          .mismatch, path: model.path, tensor: name,
          "tensor '\(name)' has no longer the base's values", remedy: "load the model again")
      }
    }
  }

  // MARK: Writing

  private func write(_ output: DecoderOutput, _ execution: Execution) throws(PatchError) {
    try model.reading { () throws(PatchError) in
      try execution.forEachChunk(of: ChunkPlan(changed)) { (chunk) throws(PatchError) in
        let (tensor, placement) = (chunk.tensor, chunk.tensor.placement)
        // What was just checked is the base.
        let before = try placement.values(of: chunk, from: model)
        let sums = source.sums(of: tensor.base, output)
        guard let after = WeightSum.added(sums, to: before, chunk, isMeasured: false) else {
          throw PatchError.changed(source.base.file(of: tensor.base).path)
        }
        try placement.write(
          after.bytes.rawSpan, of: chunk, to: model, path: model.path, countingIn: nil)
      }
    }
  }

  private func restore(
    _ state: inout State, _ execution: Execution, after first: PatchError? = nil
  ) throws(PatchError) {
    let execution = execution.silent.uncancellable
    do throws(PatchError) {
      try execution.forEachChunk(of: ChunkPlan(changed)) { (chunk) throws(PatchError) in
        let bytes = source.base.bytes(of: chunk.tensor.base, in: chunk.byteRange)
        try chunk.tensor.placement.write(
          bytes.rawSpan, of: chunk, to: model, path: model.path, countingIn: nil)
      }
      if let digests = state.digests { try check(digests, execution) }
    } catch {
      throw PatchError(
        .unfinished, path: model.path, tensor: error.tensor,
        (first.map { "\($0.message); " } ?? "")
          + "\(source.base.path) did not give the base back: \(error.message)",
        remedy: "load the model again")
    }
    state.isBase = true
  }
}
