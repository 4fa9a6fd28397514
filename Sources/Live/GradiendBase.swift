internal import ByteIO
package import Checkpoints
package import Gradiend
internal import DeltaCoding
package import PatchEngine

/// A base's files, and what a GRADIEND adds to each of its tensors.
package struct GradiendBase: Sendable {
  package let base: Checkpoint
  package let gradiend: GradiendCheckpoint
  private let match: GradiendMatch

  /// - Throws: ``PatchError`` if a parameter of the GRADIEND is not found in the base.
  package init(_ base: Checkpoint, _ gradiend: GradiendCheckpoint) throws(PatchError) {
    self.base = base
    self.gradiend = gradiend
    match = try GradiendMatch(gradiend, of: base)
  }

  /// Whether the GRADIEND changes a tensor of the base.
  package func changes(_ tensor: StoredTensor) -> Bool { match.updates[tensor.name] != nil }

  /// Whether the GRADIEND makes the same of two tensors of the base, if they are the same.
  func changesAlike(_ first: StoredTensor, _ second: StoredTensor) -> Bool {
    let (first, second) = (match.updates[first.name] ?? [], match.updates[second.name] ?? [])
    return first.elementsEqual(second) {
      $0.coverage.parameter.name == $1.coverage.parameter.name
        && $0.firstElement == $1.firstElement
    }
  }

  /// What the GRADIEND makes of a tensor of the base: the bits that ``Create`` puts into a patch.
  ///
  /// - Parameters:
  ///   - tensor: of the base.
  ///   - output: of the GRADIEND.
  ///   - execution: how.
  ///   - body: gets each chunk's place and bytes, on any thread.
  /// - Throws: ``PatchError`` if the base's files changed since they were opened; what `body` throws.
  package func result(
    of tensor: StoredTensor, _ output: DecoderOutput, _ execution: Execution,
    _ body: @Sendable (Range<Int>, [UInt8]) throws(PatchError) -> Void
  ) throws(PatchError) {
    let sums = sums(of: tensor, output)
    let plan = ChunkPlan([ComparedTensor(base: tensor, result: .computed(sums))])
    try execution.forEachChunk(of: plan) { (chunk) throws(PatchError) in
      let before = base.bytes(of: tensor, in: chunk.byteRange)
      guard let after = WeightSum.added(sums, to: before, chunk, isMeasured: false) else {
        throw PatchError.changed(base.file(of: tensor).path)
      }
      try body(chunk.byteRange, after.bytes)
    }
  }

  /// What is added to a tensor of the base, one after the other.
  func sums(of tensor: StoredTensor, _ output: DecoderOutput) -> [WeightSum] {
    GradiendSum([(match, output)]).sums(of: tensor.name)
  }
}
