internal import Checkpoints

/// Up to a mebibyte of a tensor of a model, and what two states of the model tell apart in it.
struct LiveBlock: Sendable {
  let tensor: StoredTensor
  let byteRange: Range<Int>
  /// From the first state to the second.
  var words: ChangedWords

  static let byteLimit = 1 << 20

  /// The blocks of a tensor, in which nothing is known to change.
  static func blocks(of tensor: StoredTensor) -> [LiveBlock] {
    stride(from: 0, to: tensor.byteCount, by: byteLimit).map { start in
      LiveBlock(
        tensor: tensor, byteRange: start..<min(start + byteLimit, tensor.byteCount),
        words: ChangedWords(
          firstByte: start, wordByteCount: tensor.elementType.elementByteCount ?? 1))
    }
  }
}
