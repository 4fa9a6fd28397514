package import Checkpoints
internal import ModelNames
package import PatchEngine

/// Where a model in memory holds the tensors of a base's files.
///
/// Modules have names of their own, and may hold several tensors of a file in one
/// (Formats/gradiend-checkpoint.md, section 5).
package struct LiveNames {
  /// By the names of the base's tensors.
  package private(set) var placements: [String: TensorPlacement] = [:]
  /// Names of the model's tensors that no tensor of the base belongs to, under none of their names.
  package private(set) var unknown: [String] = []
  private let model: MemoryModel

  /// - Parameters:
  ///   - base: the tensors of the base's files.
  ///   - model: the model.
  /// - Throws: ``PatchError`` of kind `mismatch` naming the first tensor of the model that has another
  ///   shape than the base's, or a type from which its values cannot be read back.
  /// - Complexity: O(characters of all names).
  package init(_ base: [StoredTensor], in model: MemoryModel) throws(PatchError) {
    self.model = model
    let names = StateDictNames(base, modelType: model.modelType)
    for name in model.names {
      guard let stored = model[name], let place = names.place(of: name, isWhole: false),
        let shape = place.shape
      else {
        unknown.append(name)
        continue
      }
      guard shape == stored.shape else {
        throw mismatch(name, "tensor '\(name)' is \(stored.shape), the base's is \(shape)")
      }
      for piece in place.pieces { try add(piece, stored, name) }
    }
    let known = Set(placements.values.map { $0.stored[0].fileIndex })
    unknown.removeAll { name in model[name].map { known.contains($0.fileIndex) } ?? false }
  }

  private mutating func add(
    _ piece: ParameterPlace.Piece, _ stored: StoredTensor, _ name: String
  ) throws(PatchError) {
    let tensor = piece.tensor
    guard let conversion = FloatConversion(of: tensor.elementType, storedIn: stored.elementType)
    else {
      throw mismatch(
        name,
        "tensor '\(name)' is \(stored.elementType.name), from which the "
          + "\(tensor.elementType.name) values of the base cannot be read back")
    }
    if let other = placements[tensor.name] {
      // Tied tensors are one, whatever their names.
      guard other.stored[0].fileIndex != stored.fileIndex else { return }
      throw mismatch(
        name, "tensors '\(other.storedName)' and '\(name)' would both be '\(tensor.name)'")
    }
    placements[tensor.name] = TensorPlacement(
      tensor.name, tensor.elementType, tensor.shape, [stored], conversion: conversion,
      firstElement: piece.firstElement)
  }

  private func mismatch(_ tensor: String, _ message: String) -> PatchError {
    PatchError(.mismatch, path: model.path, tensor: tensor, message)
  }
}
