internal import Checkpoints
internal import ByteIO
internal import DeltaCoding
package import PatchEngine
package import PatchFormat
internal import Synchronization

/// A patch and a model in memory, which is switched between the patch's two checkpoints.
///
/// What the patch changes is decoded once, and kept. The model is always wholly the one or the other: all
/// of it is checked before the first write, and what fails after that is undone.
package final class LivePatch: Sendable {
  private let match: PatchMatch
  private let model: MemoryModel
  /// What the model holds and no tensor of the patch's base is.
  package let unknownNames: [String]
  /// Tensors of the patch's base that the model lacks.
  package let missingNames: [String]
  /// Those of them that the patch changes.
  private let missingChanges: [String]
  /// What was found out, once something was.
  private let states = Mutex<LiveStates?>(nil)

  /// - Parameters:
  ///   - patch: the patch.
  ///   - model: what is switched; nobody else may write to it meanwhile.
  /// - Throws: ``PatchError`` of kind `mismatch` naming the first tensor that does not fit, or is one with
  ///   another that changes differently, or one that the patch changes if the model has none of those.
  package init(_ patch: PatchFile, _ model: MemoryModel) throws(PatchError) {
    self.model = model
    let base = patch.index.tensors.map(StoredTensor.init)
    let names = try LiveNames(base, in: model)
    let found = patch.index.tensors.compactMap { entry in
      names.placements[entry.name].map { (entry, $0) }
    }
    try Self.checkTies(found, model)
    match = try PatchMatch(found, patch, model)
    unknownNames = names.unknown
    let missing = patch.index.tensors.filter { names.placements[$0.name] == nil }
    missingNames = missing.map(\.name)
    let changed = missing.filter { $0.change != nil }
    missingChanges = changed.map(\.name)
    if !changed.isEmpty, changed.count == patch.metadata.changedTensorCount {
      try checkIsComplete()
    }
  }

  /// - Throws: ``PatchError`` of kind `mismatch` if the model lacks a tensor that the patch changes.
  package func checkIsComplete() throws(PatchError) {
    guard let first = missingChanges.first else { return }
    throw PatchError(
      .mismatch, path: model.path, tensor: first,
      "\(missingChanges.count) tensors that the patch changes are not here, first '\(first)'"
        + (unknownNames.first.map { "; unknown to the patch is '\($0)'" } ?? ""),
      remedy: match.patch.baseDescription)
  }

  /// Several tensors of the patch may be one in the model. They have to be the same in both checkpoints then.
  private static func checkTies(
    _ found: [(entry: PatchIndex.Tensor, placement: TensorPlacement)], _ model: MemoryModel
  ) throws(PatchError) {
    var owners: [[Int]: PatchIndex.Tensor] = [:]
    for (entry, placement) in found {
      let place = [placement.stored[0].fileIndex, placement.firstElement]
      guard let owner = owners.updateValue(entry, forKey: place), !owner.hasSameDigests(as: entry)
      else { continue }
      throw PatchError(
        .mismatch, path: model.path, tensor: entry.name,
        "tensors '\(owner.name)' and '\(entry.name)' are one here, but differ in the patch's base or "
          + "result", remedy: "untie them before the patch is applied")
    }
  }

  /// Which of the patch's two checkpoints the model is. Values that the patch's types do not have are those
  /// of neither.
  ///
  /// - Throws: ``PatchError`` if a device could not be read.
  /// - Complexity: O(bytes of the model).
  package func verdict(_ execution: Execution) throws(PatchError) -> DigestVerdict {
    try model.exclusively { () throws(PatchError) in try read(execution) }
  }

  /// Makes the model the patch's checkpoint in a role. Nothing is done if it is that already.
  ///
  /// - Parameters:
  ///   - role: what it is to be.
  ///   - isChecked: whether to compare all of it with the patch's digests before and after. Without, only
  ///     the words that change are looked at, once all of it was checked before.
  ///   - execution: how; if cancelled, the model stays what it was.
  /// - Returns: whether anything was done.
  /// - Throws: ``PatchError``. Of kind `unfinished`, the model is neither; else it is what it was.
  /// - Complexity: O(bytes of the model), or O(changes) if nothing is checked.
  package func move(
    to role: CheckpointRole, isChecked: Bool = true, _ execution: Execution
  ) throws(PatchError) -> Bool {
    try model.exclusively { () throws(PatchError) in
      try states.withLock { (states) throws(PatchError) in
        // Whoever changed it may have made it something that is known, so it is looked at anew.
        if isChecked, try states?.isIntact(execution) == false { states = nil }
        let isNew = states == nil
        if isNew {
          // Of a model that is there already, the way back is kept, so that it is read once.
          states = try survey(towards: role, execution)
          if states == nil { states = try survey(towards: role.other, execution) }
        }
        do throws(PatchError) {
          return try states?.move(to: role, isChecked: isChecked || isNew, execution) ?? false
        } catch {
          states = nil
          throw error
        }
      }
    }
  }

  private func read(_ execution: Execution) throws(PatchError) -> DigestVerdict {
    try model.reading { () throws(PatchError) in
      try DigestVerdict(of: match, execution, skipsUnreadable: true)
    }
  }

  /// Reads all, decodes all, and gathers what will change.
  ///
  /// - Returns: nil if the model is in this role already.
  /// - Throws: ``PatchError`` if it is in neither.
  private func survey(
    towards role: CheckpointRole, _ execution: Execution
  ) throws(PatchError) -> LiveStates? {
    let direction: Direction = role == .result ? .apply : .strip
    let changes = ChangeRecorder(model, match.tensors.flatMap(\.stored))
    do throws(PatchError) {
      try model.reading { () throws(PatchError) in
        try PatchRun(match, direction).visitChanges(execution) {
          (chunk, _, output) throws(PatchError) in
          try match.write(output, of: chunk, to: changes)
        }
      }
    } catch  where error.isOfContents {
      guard try read(execution.silent).is(role) else { throw error }
      return nil
    }
    return LiveStates(model, try changes.blocks(), direction)
  }
}

extension StoredTensor {
  /// A tensor of the files that a patch was made for.
  fileprivate init(_ entry: PatchIndex.Tensor) {
    let byteCount = entry.elementType.byteCount(of: entry.shape) ?? 0
    self.init(
      descriptor: TensorDescriptor(
        name: entry.name, elementType: entry.elementType, shape: entry.shape,
        byteRange: 0..<byteCount), fileIndex: 0)
  }
}
