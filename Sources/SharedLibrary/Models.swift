// The header documents what it declares.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

internal import ByteIO
public import CGradiendPatch
internal import Checkpoints
internal import Live
internal import PatchEngine

/// A tensor that functions of the caller reach.
@safe
private final class Device: TensorDevice, @unchecked Sendable {
  private let functions: gpatch_device
  private let handle: UInt64

  init(_ functions: gpatch_device, handle: UInt64) {
    unsafe self.functions = functions
    self.handle = handle
  }

  func read(_ byteRange: Range<Int>, into buffer: UnsafeMutableRawBufferPointer) -> Bool {
    guard let destination = buffer.baseAddress else { return true }
    return Callbacks.call {
      unsafe functions.read(
        functions.context, handle, UInt64(byteRange.lowerBound), UInt64(byteRange.count),
        destination)
    }
  }

  func write(_ words: RawSpan, at indices: [Int64]) -> Bool {
    unsafe words.withUnsafeBytes { words in
      unsafe indices.withUnsafeBufferPointer { indices in
        guard let words = words.baseAddress, let first = indices.baseAddress else {
          return true
        }
        return Callbacks.call {
          unsafe functions.write(functions.context, handle, UInt64(indices.count), first, words)
        }
      }
    }
  }
}

/// The devices of a model, each tensor of each once.
private struct Devices {
  private struct Key: Hashable {
    let address: UInt
    let handle: UInt64
  }

  private var devices: [Key: Device] = [:]

  subscript(functions: UnsafePointer<gpatch_device>, handle: UInt64) -> Device {
    mutating get {
      let key = Key(address: UInt(bitPattern: functions), handle: handle)
      if let known = devices[key] { return known }
      let device = unsafe Device(functions.pointee, handle: handle)
      devices[key] = device
      return device
    }
  }
}

extension MemoryModel.Tensor {
  /// - Throws: ``PatchError`` of kind `usage`.
  fileprivate init(
    _ given: gpatch_memory_tensor, _ devices: inout Devices
  ) throws(PatchError) {
    let name = unsafe try text(given.tensor.name)
    let typeName = unsafe try text(given.tensor.type)
    guard let type = ElementType(rawValue: typeName) else {
      throw .argument("tensor '\(name)' has the unknown type '\(typeName)'", tensor: name)
    }
    let rank = unsafe given.tensor.rank
    guard rank <= Self.rankLimit else {
      throw .argument("tensor '\(name)' has \(rank) dimensions", tensor: name)
    }
    var shape: [Int] = []
    for index in 0..<Int(rank) {
      guard let dimension = unsafe given.tensor.shape.flatMap({ unsafe Int(exactly: $0[index]) })
      else { throw .argument("tensor '\(name)' has no shape that can be", tensor: name) }
      shape.append(dimension)
    }
    guard let byteCount = type.byteCount(of: shape) else {
      throw .argument(
        "tensor '\(name)': \(typeName) \(shape) does not fill whole bytes, or overflows",
        tensor: name)
    }
    try PatchError.checkByteCount(unsafe given.tensor.byte_count, of: name, byteCount)
    let memory: TensorMemory
    if let device = unsafe given.device {
      memory = unsafe .device(devices[device, given.handle])
    } else if let data = unsafe given.data {
      memory = unsafe .address(.init(data))
    } else if byteCount == 0 {
      memory = unsafe .address(.init(UnsafeMutableRawPointer(mutating: given.tensor.name)))
    } else {
      throw .argument("tensor '\(name)' has neither data nor a device", tensor: name)
    }
    self.init(name: name, elementType: type, shape: shape, memory: memory)
  }

  /// More dimensions than NumPy and PyTorch have.
  private static let rankLimit = 64
}

@c @implementation
public func gpatch_model_new(
  _ tensors: UnsafePointer<gpatch_memory_tensor>?, _ count: UInt64,
  _ model_type: UnsafePointer<CChar>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> OpaquePointer? {
  unsafe reporting(to: error, or: nil) { () throws(PatchError) in
    guard count == 0 || (unsafe tensors != nil), count <= UInt64(Checkpoint.tensorCountLimit) else {
      throw .argument("there are no \(count) tensors")
    }
    var devices = Devices()
    var given: [MemoryModel.Tensor] = []
    for index in 0..<Int(count) {
      guard let tensor = unsafe tensors?[index] else { break }
      given.append(unsafe try MemoryModel.Tensor(tensor, &devices))
    }
    let type = unsafe try model_type.map { (type) throws(PatchError) in unsafe try text(type) }
    return unsafe handle(try MemoryModel(given, modelType: type))
  }
}

@c @implementation
public func gpatch_model_free(_ model: OpaquePointer?) { unsafe free(model, MemoryModel.self) }

@c @implementation
public func gpatch_diff(
  _ base: OpaquePointer, _ result: OpaquePointer, _ path: UnsafePointer<CChar>,
  _ options: UnsafePointer<gpatch_options>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> Bool {
  unsafe reporting(to: error, or: false) { () throws(PatchError) in
    try Callbacks.refuse()
    _ = unsafe try LiveDiff.write(
      object(base), object(result), to: String(fileName: path), Execution(options))
    return true
  }
}
