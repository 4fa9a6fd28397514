internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import PatchFormat

extension PatchMatch {
  /// What the patch makes of a chunk that it changes.
  ///
  /// - Throws: ``PatchError`` of kind `badInput` if the chunk's coding is damaged, or not for it.
  func transformed(
    _ bytes: RawSpan, of chunk: Chunk<MatchedTensor>, as tensor: MatchedTensor,
    by direction: Direction
  ) throws(PatchError) -> [UInt8] {
    var output = [UInt8](uninitializedByteCount: bytes.byteCount)
    try output.withMutableRawSpan { (span) throws(PatchError) in
      try transform(bytes, of: chunk, as: tensor, by: direction, into: &span)
    }
    return output
  }

  /// Writes to `output`, as long as the chunk, what the patch makes of it.
  ///
  /// - Throws: ``PatchError``, as ``transformed(_:of:as:by:)`` does.
  func transform(
    _ bytes: RawSpan, of chunk: Chunk<MatchedTensor>, as tensor: MatchedTensor,
    by direction: Direction, into output: inout MutableRawSpan
  ) throws(PatchError) {
    let range = tensor.codedRanges[chunk.index]
    let coded = patch.file.bytes.extracting(range)
    defer { patch.file.releasePages(in: range) }
    let coder = ChunkCoder(chunk.shape)
    do throws(FormatError) {
      switch direction {
      case .apply: try coder.apply(coded, to: bytes, into: &output)
      case .strip: try coder.strip(coded, from: bytes, into: &output)
      }
    } catch {
      throw PatchError(
        .badInput, path: patch.path, tensor: tensor.name,
        "tensor '\(tensor.name)': \(error.shifted(by: range.lowerBound))")
    }
  }
}
