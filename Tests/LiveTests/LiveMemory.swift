import Checkpoints
import Live
import Synchronization
import TestSupport

/// The tensors of a model in memory of its own, which a test may write to.
final class LiveMemory: @unchecked Sendable {
  private let shapes: [RandomModel.Tensor]
  private let buffers: [UnsafeMutableRawBufferPointer]
  private let spare = UnsafeMutableRawPointer.allocate(byteCount: 1, alignment: 1)

  init(_ tensors: [RandomModel.Tensor]) {
    shapes = tensors
    buffers = tensors.map { .allocate(byteCount: $0.bytes.count, alignment: 64) }
    load(tensors)
  }

  deinit {
    spare.deallocate()
    for buffer in buffers { buffer.deallocate() }
  }

  /// What is there now.
  var tensors: [RandomModel.Tensor] {
    zip(shapes, buffers).map { tensor, buffer in
      var tensor = tensor
      tensor.bytes = Array(buffer)
      return tensor
    }
  }

  /// Writes tensors of the same lengths.
  func load(_ tensors: [RandomModel.Tensor]) {
    for (tensor, buffer) in zip(tensors, buffers) { buffer.copyBytes(from: tensor.bytes) }
  }

  /// Where the tensor with this name is; empty ones have an address, too.
  func address(_ name: String) -> TensorMemory.Address {
    .init(buffer(name).baseAddress ?? spare)
  }

  /// The bytes of the tensor with this name.
  func buffer(_ name: String) -> UnsafeMutableRawBufferPointer {
    buffers[shapes.firstIndex { $0.name == name } ?? 0]
  }

  /// The tensor as a model has it.
  func described(_ tensor: RandomModel.Tensor, as name: String? = nil) -> MemoryModel.Tensor {
    MemoryModel.Tensor(
      name: name ?? tensor.name, elementType: ElementType(rawValue: tensor.type) ?? .opaque,
      shape: tensor.shape, memory: .address(address(tensor.name)))
  }

  /// The whole model, with more names for some of its tensors.
  func model(type: String? = nil, ties: [String: String] = [:]) throws -> MemoryModel {
    let tied = shapes.compactMap { tensor in ties[tensor.name].map { described(tensor, as: $0) } }
    return try MemoryModel(shapes.map { described($0) } + tied, modelType: type)
  }

  /// The same, each tensor on a device that tells of every call.
  func model(_ calls: DeviceCalls) throws -> MemoryModel {
    let tensors = zip(shapes, buffers).map { tensor, buffer in
      MemoryModel.Tensor(
        name: tensor.name, elementType: ElementType(rawValue: tensor.type) ?? .opaque,
        shape: tensor.shape, memory: .device(Device(buffer, width: tensor.byteWidth, calls)))
    }
    return try MemoryModel(tensors, modelType: nil)
  }
}

/// Counts the calls of devices, and lets some of them fail.
final class DeviceCalls: Sendable {
  private let counter = Atomic(0)
  private let fails: @Sendable (Int) -> Bool
  private let forgets: @Sendable (Int) -> Bool

  var count: Int { counter.load(ordering: .relaxed) }

  /// - Parameters:
  ///   - fails: gets a call's number, from 0, and tells whether it fails.
  ///   - forgets: tells whether the device says that all is well, but keeps nothing of what is written.
  init(
    failing fails: @escaping @Sendable (Int) -> Bool = { _ in false },
    forgetting forgets: @escaping @Sendable (Int) -> Bool = { _ in false }
  ) {
    self.fails = fails
    self.forgets = forgets
  }

  fileprivate func next() -> (fails: Bool, forgets: Bool) {
    let number = counter.add(1, ordering: .relaxed).oldValue
    return (fails(number), forgets(number))
  }
}

/// A device that is memory in truth. A write that fails is done in half.
private final class Device: TensorDevice, @unchecked Sendable {
  private let buffer: UnsafeMutableRawBufferPointer
  private let width: Int
  private let calls: DeviceCalls

  init(_ buffer: UnsafeMutableRawBufferPointer, width: Int, _ calls: DeviceCalls) {
    self.buffer = buffer
    self.width = width
    self.calls = calls
  }

  func read(_ byteRange: Range<Int>, into target: UnsafeMutableRawBufferPointer) -> Bool {
    guard !calls.next().fails else { return false }
    target.copyMemory(from: UnsafeRawBufferPointer(rebasing: buffer[byteRange]))
    return true
  }

  func write(_ words: RawSpan, at indices: [Int64]) -> Bool {
    let (fails, forgets) = calls.next()
    guard !forgets else { return true }
    words.withUnsafeBytes { words in
      for (position, index) in indices.enumerated().prefix(fails ? indices.count / 2 : .max) {
        UnsafeMutableRawBufferPointer(rebasing: buffer[(Int(index) * width)...])
          .copyMemory(
            from: UnsafeRawBufferPointer(rebasing: words[position * width..<(position + 1) * width])
          )
      }
    }
    return !fails
  }
}
