package import ByteIO
package import Checkpoints
package import PatchEngine
internal import Synchronization

/// The tensors of a model that lives in a process: in its memory, or on a device that it can reach.
///
/// Several names of one tensor, as of a head that is tied to the embedding, are one stored tensor.
///
/// - Important: Whoever made it keeps the memory for as long as this object lives.
package final class MemoryModel: TensorSource, TensorSink {
  package let path = "the model"
  package let tensors: [StoredTensor]
  package let convention = TensorConvention.huggingFace
  package let configuration: ModelConfiguration? = nil
  package let mappedFiles: [MappedFile] = []
  /// What `config.json` calls the family of models; nil where nobody knows.
  package let modelType: String?
  /// All names of all tensors, in the order given.
  package let names: [String]
  private let named: [String: StoredTensor]
  /// Those of `tensors`.
  private let places: [TensorMemory]
  /// Why something of a device could not be read. What was read instead are zeros.
  private let readFailure = Mutex<PatchError?>(nil)
  private let turn = Mutex(())

  /// A tensor as a caller describes it.
  package struct Tensor: Sendable {
    package let name: String
    package let elementType: ElementType
    package let shape: [Int]
    package let memory: TensorMemory

    package init(name: String, elementType: ElementType, shape: [Int], memory: TensorMemory) {
      self.name = name
      self.elementType = elementType
      self.shape = shape
      self.memory = memory
    }
  }

  /// - Throws: ``PatchError`` of kind `usage` naming a tensor whose elements do not fill whole bytes,
  ///   or on a device have none of their own, are more than can be counted, whose name is there twice,
  ///   or whose memory is in part another's.
  package init(_ given: [Tensor], modelType: String?) throws(PatchError) {
    var tensors: [StoredTensor] = []
    var places: [TensorMemory] = []
    var named: [String: StoredTensor] = [:]
    var owners: [TensorMemory.Identity: StoredTensor] = [:]
    for tensor in given {
      guard let byteCount = tensor.elementType.byteCount(of: tensor.shape),
        tensor.memory.holds(tensor.elementType, byteCount: byteCount)
      else {
        throw Self.unusable(
          tensor.name, "\(tensor.elementType.name) \(tensor.shape) does not lie in memory as it is")
      }
      let identity = tensor.memory.identity
      let owner = byteCount > 0 ? owners[identity] : nil
      if let owner, owner.byteCount != byteCount || owner.elementType != tensor.elementType {
        throw Self.unusable(
          tensor.name, "it lies where '\(owner.name)' lies, but has another length or type")
      }
      let stored = StoredTensor(
        descriptor: TensorDescriptor(
          name: tensor.name, elementType: tensor.elementType, shape: tensor.shape,
          byteRange: 0..<byteCount), fileIndex: owner?.fileIndex ?? tensors.count)
      if owner == nil {
        owners[identity] = stored
        tensors.append(stored)
        places.append(tensor.memory)
      }
      guard named.updateValue(stored, forKey: tensor.name) == nil else {
        throw Self.unusable(tensor.name, "this name is there twice")
      }
    }
    self.tensors = tensors
    self.places = places
    self.named = named
    self.modelType = modelType
    names = given.map(\.name)
    try checkOverlaps()
  }

  private static func unusable(_ tensor: String, _ reason: String) -> PatchError {
    PatchError(.usage, tensor: tensor, "tensor '\(tensor)' cannot be used: \(reason)")
  }

  private func checkOverlaps() throws(PatchError) {
    let ranges = tensors.compactMap { tensor in
      places[tensor.fileIndex].addresses(byteCount: tensor.byteCount).map { ($0, tensor.name) }
    }.sorted { $0.0.lowerBound < $1.0.lowerBound }
    for (first, second) in zip(ranges, ranges.dropFirst()) where first.0.overlaps(second.0) {
      throw Self.unusable(second.1, "its memory is in part that of '\(first.1)'")
    }
  }

  package subscript(name: String) -> StoredTensor? { named[name] }

  /// Runs `body` while nobody else works on this model.
  func exclusively<Result: Sendable>(
    _ body: () throws(PatchError) -> Result
  ) throws(PatchError) -> Result {
    try turn.withLock { (_) throws(PatchError) in try body() }
  }

  // MARK: Reading

  /// Runs `body`, which reads the model as a ``TensorSource``.
  ///
  /// - Throws: ``PatchError`` if something could not be read, whatever came of that; what `body` throws.
  func reading<Result>(_ body: () throws(PatchError) -> Result) throws(PatchError) -> Result {
    readFailure.withLock { $0 = nil }
    do throws(PatchError) {
      let result = try body()
      try checkWasRead()
      return result
    } catch {
      try checkWasRead()
      throw error.ofMemory
    }
  }

  /// - Throws: ``PatchError`` if something could not be read.
  func checkWasRead() throws(PatchError) {
    if let failure = readFailure.withLock({ $0 }) { throw failure }
  }

  /// Calls `body` with the bytes of a block.
  ///
  /// - Throws: ``PatchError`` if they cannot be read; what `body` throws.
  func withBytes<Result>(
    of block: LiveBlock, _ body: (RawSpan) throws(PatchError) -> Result
  ) throws(PatchError) -> Result {
    guard case .device(let device) = places[block.tensor.fileIndex] else {
      return try withBytes(of: block.tensor, in: block.byteRange, body)
    }
    guard let bytes = copy(of: block.byteRange, on: device) else {
      throw Self.failed("read", block.tensor)
    }
    return try body(bytes.rawSpan)
  }

  /// - Throws: ``PatchError`` if the block cannot be read.
  func digest(of block: LiveBlock) throws(PatchError) -> Digest128 {
    try withBytes(of: block) { Digest128(of: $0) }
  }

  package func bytes(of tensor: StoredTensor, in byteRange: Range<Int>) -> [UInt8] {
    withBytes(of: tensor, in: byteRange) { $0.array }
  }

  package func withBytes<Result, Failure: Error>(
    of tensor: StoredTensor, in byteRange: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    switch places[tensor.fileIndex] {
    case .address(let address):
      let bytes = unsafe UnsafeRawBufferPointer(
        start: address.pointer + byteRange.lowerBound, count: byteRange.count)
      return try body(unsafe bytes.bytes)
    case .device(let device):
      if let bytes = copy(of: byteRange, on: device) { return try body(bytes.rawSpan) }
      readFailure.withLock { $0 = $0 ?? Self.failed("read", tensor) }
      return try body([UInt8](repeating: 0, count: byteRange.count).rawSpan)
    }
  }

  private func copy(of byteRange: Range<Int>, on device: any TensorDevice) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: byteRange.count)
    let isRead = unsafe bytes.withUnsafeMutableBytes { unsafe device.read(byteRange, into: $0) }
    return isRead ? bytes : nil
  }

  private static func failed(_ what: String, _ tensor: StoredTensor) -> PatchError {
    PatchError(
      .inputOutput, tensor: tensor.name,
      "tensor '\(tensor.name)' could not be \(what) where it lies")
  }

  // MARK: Writing

  package func write(_ bytes: RawSpan, to tensor: StoredTensor, at offset: Int) throws(PatchError) {
    precondition(offset >= 0 && offset + bytes.byteCount <= tensor.byteCount)
    switch places[tensor.fileIndex] {
    case .address(let address): address.write(bytes, at: offset)
    case .device(let device):
      let width = tensor.elementType.elementByteCount ?? 1
      let first = Int64(offset / width)
      let indices = (0..<bytes.byteCount / width).map { first + Int64($0) }
      guard device.write(bytes, at: indices) else { throw Self.failed("written", tensor) }
    }
  }

  /// Whether a block holds the old ones of its words. Those of a device are not looked at.
  func holdsOldWords(_ block: LiveBlock, _ words: ChangedWords) -> Bool {
    guard case .address = places[block.tensor.fileIndex] else { return true }
    return withBytes(of: block.tensor, in: block.byteRange) { words.areOld(in: $0) }
  }

  /// Replaces words of a block.
  ///
  /// - Throws: ``PatchError`` if a device refuses them.
  func replace(_ words: ChangedWords, of block: LiveBlock) throws(PatchError) {
    switch places[block.tensor.fileIndex] {
    case .address(let address):
      var bytes = unsafe UnsafeMutableRawBufferPointer(
        start: address.pointer + block.byteRange.lowerBound, count: block.byteRange.count
      ).mutableBytes
      words.replace(in: &bytes)
    case .device(let device):
      guard device.write(words.to.rawSpan, at: words.indices) else {
        throw Self.failed("written", block.tensor)
      }
    }
  }
}

extension PatchError {
  /// The same where no undo patch is made.
  fileprivate var ofMemory: PatchError {
    guard case .undo(let type) = option else { return self }
    return advising("load the model in F32 or \(type)")
  }
}
