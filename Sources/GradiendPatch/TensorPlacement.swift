internal import ByteIO
internal import Checkpoints

/// Where the tensors of a patch are in the files of a checkpoint, and in what form.
protocol TensorPlacement: Sendable {
  /// A copy of a chunk's bytes, in the patch's type and order.
  ///
  /// - Throws: ``PatchError`` if the file does not tell what they are.
  func bytes(of item: ChunkPlan.Item) throws(PatchError) -> [UInt8]

  /// Writes a chunk, given in the patch's type and order, into the checkpoint or its image.
  ///
  /// - Parameters:
  ///   - bytes: the chunk's bytes.
  ///   - item: the chunk.
  ///   - output: the checkpoint's files, or others in their image.
  /// - Throws: ``PatchError`` if the file cannot hold them so that they could be read back.
  func write(
    _ bytes: RawSpan, of item: ChunkPlan.Item, to output: any TensorOutput
  ) throws(PatchError)

  /// Why the values of a tensor may be others than those of the patch's checkpoint: the end of a
  /// sentence, or nothing.
  func remark(onTensor index: Int) -> String
}

extension TensorPlacement {
  func remark(onTensor index: Int) -> String { "" }
}

/// Takes bytes for the files of a checkpoint.
protocol TensorOutput: Sendable {
  /// - Parameters:
  ///   - bytes: bytes of a tensor, as they are stored.
  ///   - index: position in the checkpoint's files.
  ///   - offset: in that file.
  /// - Throws: ``PatchError`` if they cannot be written.
  func write(_ bytes: RawSpan, file index: Int, at offset: Int) throws(PatchError)

  /// Takes a chunk of a tensor that lies in the checkpoint as it does in the patch.
  func write(_ bytes: RawSpan, of item: ChunkPlan.Item) throws(PatchError)
}

extension TensorOutput {
  func write(_ bytes: RawSpan, of item: ChunkPlan.Item) throws(PatchError) {
    try write(bytes, file: item.fileIndex, at: item.byteRange.lowerBound)
  }
}

/// Tensors that lie in the files as they are in the patch.
struct DirectPlacement: TensorPlacement {
  let checkpoint: Checkpoint

  func bytes(of item: ChunkPlan.Item) throws(PatchError) -> [UInt8] {
    checkpoint.files[item.fileIndex].mapped.copy(of: item.byteRange)
  }

  func write(
    _ bytes: RawSpan, of item: ChunkPlan.Item, to output: any TensorOutput
  ) throws(PatchError) {
    try output.write(bytes, of: item)
  }
}
