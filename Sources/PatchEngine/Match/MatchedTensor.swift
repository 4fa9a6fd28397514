internal import ByteIO
package import Checkpoints
internal import DeltaCoding
package import PatchFormat

/// A tensor of a patch, and where a source holds its values.
package final class MatchedTensor: TensorInChunks {
  /// As the patch lists it, or the rows of it that the source has.
  package let entry: PatchIndex.Tensor
  package let placement: TensorPlacement
  /// For each chunk, where in the patch it lies coded, empty if it stays; none if the tensor stays.
  package let codedRanges: [Range<Int>]

  package var name: String { entry.name }
  package var elementType: ElementType { entry.elementType }
  package var shape: [Int] { entry.shape }
  package var keptRows: Range<Int>? { entry.kept?.rows }
  /// Of the patch's values.
  package var byteCount: Int { elementType.byteCount(of: shape) ?? 0 }
  /// Where the source holds it, as it is or in another form.
  package var stored: [StoredTensor] { placement.stored }

  /// A tensor that is stored as it is in the patch.
  package convenience init(
    _ entry: PatchIndex.Tensor, in patch: PatchFile, storedAs stored: StoredTensor
  ) throws(PatchError) {
    try self.init(
      entry, in: patch, at: TensorPlacement(entry.name, entry.elementType, entry.shape, [stored]))
  }

  /// - Throws: ``PatchError`` if the patch's chunks do not fit the tensor.
  package init(
    _ entry: PatchIndex.Tensor, in patch: PatchFile, at placement: TensorPlacement
  ) throws(PatchError) {
    self.entry = entry
    self.placement = placement
    do throws(FormatError) {
      codedRanges = try patch.chunkByteRanges(of: entry)
    } catch {
      throw PatchError(
        .badInput, path: patch.path, tensor: entry.name, "tensor '\(entry.name)': \(error)")
    }
  }

  /// Whether the patch changes a chunk.
  package func changes(_ chunk: Chunk<MatchedTensor>) -> Bool {
    !codedRanges.isEmpty && !codedRanges[chunk.index].isEmpty
  }
}
