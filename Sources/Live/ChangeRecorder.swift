internal import ByteIO
internal import Checkpoints
internal import PatchEngine
internal import Synchronization

/// Gathers in what a model would change, by comparing what would be written with what is there.
final class ChangeRecorder: TensorSink {
  private let model: MemoryModel
  /// By the numbers of the model's tensors, where their blocks begin.
  private let firstBlocks: [Int: Int]
  private let gathered: Mutex<[LiveBlock]>

  /// - Parameters:
  ///   - model: the model.
  ///   - tensors: of the model, perhaps more than once.
  init(_ model: MemoryModel, _ tensors: [StoredTensor]) {
    self.model = model
    var blocks: [LiveBlock] = []
    var firstBlocks: [Int: Int] = [:]
    for tensor in tensors where firstBlocks[tensor.fileIndex] == nil {
      firstBlocks[tensor.fileIndex] = blocks.count
      blocks += LiveBlock.blocks(of: tensor)
    }
    self.firstBlocks = firstBlocks
    gathered = Mutex(blocks)
  }

  func write(_ bytes: RawSpan, to tensor: StoredTensor, at offset: Int) {
    guard let first = firstBlocks[tensor.fileIndex] else { return }
    let width = tensor.elementType.elementByteCount ?? 1
    var start = 0
    while start < bytes.byteCount {
      let position = offset + start
      let block = position / LiveBlock.byteLimit
      let end = min(bytes.byteCount, (block + 1) * LiveBlock.byteLimit - offset)
      var words = ChangedWords(firstByte: block * LiveBlock.byteLimit, wordByteCount: width)
      model.withBytes(of: tensor, in: position..<offset + end) { old in
        words.append(
          from: old, to: bytes.extracting(start..<end), at: position - words.firstByte)
      }
      gathered.withLock { $0[first + block].words.append(words) }
      start = end
    }
  }

  /// What was gathered.
  ///
  /// - Throws: ``PatchError`` if tensors that share memory would change differently.
  func blocks() throws(PatchError) -> [LiveBlock] {
    var blocks = gathered.withLock { $0 }
    for index in blocks.indices where !blocks[index].words.sort() {
      let name = blocks[index].tensor.name
      throw PatchError(
        .mismatch, path: model.path, tensor: name,
        "tensor '\(name)' is several of the patch's tensors, which change differently",
        remedy: "untie them before the patch is applied")
    }
    return blocks
  }
}
