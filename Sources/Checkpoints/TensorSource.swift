package import ByteIO

/// Named tensors whose bytes can be read: those of a checkpoint's files, or in a process's memory.
package protocol TensorSource: Sendable {
  /// What messages call it: the path of a checkpoint.
  var path: String { get }
  /// In the order in which they are best read.
  var tensors: [StoredTensor] { get }
  /// What the tensors' names are, and in which order their elements come.
  var convention: TensorConvention { get }
  /// What the model's `config.json` says, if it is known.
  var configuration: ModelConfiguration? { get }

  /// Tensors whose bytes are taken for a part of what surrounds tensors.
  var setAside: [StoredTensor] { get }

  /// The files that are read; none of what lies in memory.
  var mappedFiles: [MappedFile] { get }

  /// The tensor with this name.
  subscript(name: String) -> StoredTensor? { get }

  /// A copy of bytes of a tensor.
  ///
  /// What is used more than once has to be one copy: others may write to the source meanwhile.
  ///
  /// - Parameters:
  ///   - tensor: one of this source's.
  ///   - byteRange: within the tensor.
  /// - Returns: as many bytes as the range has.
  func bytes(of tensor: StoredTensor, in byteRange: Range<Int>) -> [UInt8]

  /// Calls `body` with bytes of a tensor, copied unless nobody else may write to the source.
  func withBytes<Result, Failure: Error>(
    of tensor: StoredTensor, in byteRange: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result
}

/// Whose names and order of elements tensors have.
package enum TensorConvention: Sendable {
  /// Those of Hugging Face, as saved or as in memory.
  case huggingFace
  /// Those of ggml, as llama.cpp's converter leaves them.
  case gguf(GGUFHeader)
}

/// A tensor of a source, and where its bytes are there.
package struct StoredTensor: Sendable {
  package let descriptor: TensorDescriptor
  /// Position of its file among the source's; what lies in memory counts as a file each.
  package let fileIndex: Int

  package init(descriptor: TensorDescriptor, fileIndex: Int) {
    self.descriptor = descriptor
    self.fileIndex = fileIndex
  }

  package var name: String { descriptor.name }
  package var elementType: ElementType { descriptor.elementType }
  package var shape: [Int] { descriptor.shape }
  package var byteCount: Int { descriptor.byteRange.count }
}

extension TensorSource {
  package func withBytes<Result, Failure: Error>(
    of tensor: StoredTensor, in byteRange: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let copy = bytes(of: tensor, in: byteRange)
    return try body(copy.rawSpan)
  }

  package var setAside: [StoredTensor] { [] }

  package var isGGUF: Bool {
    if case .gguf = convention { true } else { false }
  }

  /// Whether a tensor has the type, shape and bytes of a tensor of `other`.
  ///
  /// - Complexity: O(bytes of one), few of which are copied at a time.
  package func isSame(
    _ tensor: StoredTensor, as another: StoredTensor, of other: any TensorSource
  ) -> Bool {
    guard tensor.elementType == another.elementType, tensor.shape == another.shape else {
      return false
    }
    let blockByteCount = 1 << 20
    return stride(from: 0, to: tensor.byteCount, by: blockByteCount).allSatisfy { start in
      let block = start..<min(start + blockByteCount, tensor.byteCount)
      return bytes(of: tensor, in: block) == other.bytes(of: another, in: block)
    }
  }
}

extension Checkpoint: TensorSource {
  package var convention: TensorConvention {
    if case .gguf(let header) = files.first?.container { return .gguf(header) }
    return .huggingFace
  }

  package var mappedFiles: [MappedFile] { files.map(\.mapped) }

  package var configuration: ModelConfiguration? { ModelConfiguration(besides: self) }

  package func bytes(of tensor: StoredTensor, in byteRange: Range<Int>) -> [UInt8] {
    let start = tensor.descriptor.byteRange.lowerBound
    return file(of: tensor).copy(of: start + byteRange.lowerBound..<start + byteRange.upperBound)
  }
}
