internal import ByteIO
package import Checkpoints
internal import ModelNames
internal import DeltaCoding
internal import Gradiend

/// A tensor of a base, and where the result's elements come from: the only difference between
/// creating a patch and taking one from two checkpoints.
package struct ComparedTensor: TensorInChunks {
  package let base: StoredTensor
  package let result: ResultElements
  package let keptRows: Range<Int>?

  package init(base: StoredTensor, result: ResultElements, keptRows: Range<Int>? = nil) {
    self.base = base
    self.result = result
    self.keptRows = keptRows
  }

  package var elementType: ElementType { base.elementType }
  package var shape: [Int] { base.shape }
}

extension ComparedTensor {
  /// All tensors of a base, or those of a share's files, with the result that `result` tells of each.
  ///
  /// - Throws: what `result` throws.
  package static func all<Failure: Error>(
    of base: any TensorSource, in share: FileShare? = nil,
    _ result: (StoredTensor) throws(Failure) -> ResultElements
  ) throws(Failure) -> [ComparedTensor] {
    let conversion = GGUFMapping(of: base)
    return try base.tensors.filter { share?.holds($0) ?? true }.map { (tensor) throws(Failure) in
      ComparedTensor(
        base: tensor, result: try result(tensor),
        keptRows: conversion?.keptRows(of: tensor))
    }
  }

  /// The base's tensors and the result's of the same names; of a share, those of its files.
  ///
  /// - Throws: ``PatchError`` of kind `badInput` naming the first tensor that the two do not share.
  package static func pairs(
    _ base: any TensorSource, _ result: any TensorSource, in share: FileShare? = nil
  ) throws(PatchError) -> [ComparedTensor] {
    guard !base.tensors.isEmpty else {
      throw PatchError(.badInput, path: base.path, "there are no tensors, so nothing can change")
    }
    guard base.isGGUF == result.isGGUF else {
      throw PatchError(
        .badInput, path: result.path,
        "one of the two is GGUF and the other safetensors; tensors of the two have other names",
        remedy: "compare two files of one kind")
    }
    if let extra = result.tensors.first(where: { base[$0.name] == nil }) {
      throw PatchError(
        .badInput, path: result.path, tensor: extra.name,
        "tensor '\(extra.name)' is not in the base, \(base.path)")
    }
    return try all(of: base, in: share) { (tensor) throws(PatchError) in
      guard let other = result[tensor.name] else {
        throw PatchError(
          .badInput, path: result.path, tensor: tensor.name,
          "tensor '\(tensor.name)' of the base is missing")
      }
      let (before, after) = (tensor.descriptor, other.descriptor)
      guard before.elementType == after.elementType, before.shape == after.shape else {
        throw PatchError(
          .badInput, path: result.path, tensor: tensor.name,
          "tensor '\(tensor.name)' is \(after.elementType.name) \(after.shape), in the base it is "
            + "\(before.elementType.name) \(before.shape)",
          remedy: CarriedTensors.rule)
      }
      guard before.elementType != .opaque || base.isSame(tensor, as: other, of: result) else {
        throw PatchError(
          .badInput, path: result.path, tensor: tensor.name,
          "tensor '\(tensor.name)' differs, and its type is unknown to this version",
          remedy: "use a newer gradiend-patch")
      }
      return .stored(other, result)
    }
  }
}

/// The elements of a tensor of the result.
package enum ResultElements: Sendable {
  /// The base's, with sums added one after the other, and rounded after each.
  case computed([WeightSum])
  /// Those that somebody already made.
  case stored(StoredTensor, any TensorSource)
  /// What patches make of the base, whose tensors the run goes through in the same order.
  case patched(PatchRun)

  /// The result's bytes of a chunk.
  ///
  /// - Parameters:
  ///   - chunk: the chunk.
  ///   - base: the base's bytes of the chunk.
  /// - Returns: as many bytes as `base` has, and what rounding kept of what was computed; nil if the
  ///   base is not what it was when it was opened.
  /// - Throws: ``PatchError`` if a patch is damaged, or not for this base.
  package func bytes(
    of chunk: Chunk<ComparedTensor>, base: [UInt8]
  ) throws(PatchError) -> WeightSum.Sum? {
    switch self {
    case .computed(let sums): return WeightSum.added(sums, to: base, chunk)
    case .stored(let tensor, let source):
      return (source.bytes(of: tensor, in: chunk.byteRange), RoundingSums())
    case .patched(let run):
      return (try run.output(of: base, run.plan.chunks[chunk.number]), RoundingSums())
    }
  }
}
