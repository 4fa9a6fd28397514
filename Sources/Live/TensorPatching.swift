internal import ByteIO
package import Checkpoints
internal import DeltaCoding
package import PatchEngine
package import PatchFormat

/// One tensor of a patch by itself, which a source holds as it is in one of the patch's checkpoints.
package struct TensorPatching: Sendable {
  private let match: PatchMatch
  private let entry: PatchIndex.Tensor
  private let role: CheckpointRole

  /// - Parameters:
  ///   - entry: as the patch lists the tensor.
  ///   - placement: where the source holds it.
  ///   - patch: the patch.
  ///   - source: the source.
  ///   - role: which of the two it holds.
  /// - Throws: ``PatchError`` if the patch's chunks do not fit the tensor.
  package init(
    _ entry: PatchIndex.Tensor, at placement: TensorPlacement, of patch: PatchFile,
    in source: any TensorSource, as role: CheckpointRole
  ) throws(PatchError) {
    match = try PatchMatch([(entry, placement)], patch, source)
    self.entry = entry
    self.role = role
  }

  /// A tensor whose bytes are at an address.
  ///
  /// - Throws: ``PatchError`` of kind `usage` if its elements have no bytes of their own.
  package init(
    _ entry: PatchIndex.Tensor, of patch: PatchFile, at address: TensorMemory.Address,
    as role: CheckpointRole
  ) throws(PatchError) {
    let memory = try MemoryModel(
      [
        MemoryModel.Tensor(
          name: entry.name, elementType: entry.elementType, shape: entry.shape,
          memory: .address(address))
      ], modelType: nil)
    let placement = TensorPlacement(
      entry.name, entry.elementType, entry.shape, memory.tensors)
    try self.init(entry, at: placement, of: patch, in: memory, as: role)
  }

  private var direction: Direction { role == .base ? .apply : .strip }

  /// Writes the tensor as it is in a role, in the patch's type and order, to as many bytes.
  ///
  /// - Throws: ``PatchError`` if the source does not hold what it should, or the patch is damaged; what
  ///   was written is then of no use.
  /// - Complexity: O(bytes of the tensor).
  package func write(
    _ wanted: CheckpointRole, to output: TensorMemory.Address, _ execution: Execution
  ) throws(PatchError) {
    try PatchRun(match, direction).run(execution) { (chunk, before, after) in
      let bytes = wanted == role ? before : after
      output.write(bytes.rawSpan, at: chunk.byteRange.lowerBound)
    }
  }

  /// The elements in which base and result differ.
  package struct Changes {
    /// Positions in the tensor made flat, ascending.
    package let indices: [Int64]
    package let base: [UInt8]
    package let result: [UInt8]
    package let elementByteCount: Int
  }

  /// Finds the elements that the patch changes.
  ///
  /// - Throws: ``PatchError``, as ``write(_:to:_:)`` does, and of kind `usage` if elements have no bytes
  ///   of their own.
  /// - Complexity: O(bytes of the tensor).
  package func changes(_ execution: Execution) throws(PatchError) -> Changes {
    guard let width = entry.elementType.elementByteCount else {
      throw PatchError(
        .usage, tensor: entry.name,
        "tensor '\(entry.name)' is \(entry.elementType.name), whose elements have no bytes of their "
          + "own")
    }
    let found = OrderedStage([ChangedWords](), execution)
    try PatchRun(match, direction).run(execution, closing: [found]) {
      (chunk, before, after) throws(PatchError) in
      var words = ChangedWords(firstByte: chunk.byteRange.lowerBound, wordByteCount: width)
      words.append(from: before.rawSpan, to: after.rawSpan, at: 0)
      try found.submit(chunk.number) { [words] in $0.append(words) }
    }
    let words = found.withState { $0 }
    let (from, to) = (words.flatMap(\.from), words.flatMap(\.to))
    return Changes(
      indices: words.flatMap(\.indices), base: role == .base ? from : to,
      result: role == .base ? to : from, elementByteCount: width)
  }
}
