// The header documents what it declares.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import CGradiendPatch
internal import Checkpoints
internal import PatchEngine
internal import Live
internal import PatchFormat

/// The tensors of a list as C sees them, for as long as this object lives.
@safe
final class TensorTexts: Sendable {
  private struct Entry: @unchecked Sendable {
    let name: Text
    let type: Text
    let firstDimension: Int
    let rank: Int
    let byteCount: Int
  }

  private let entries: [Entry]
  private nonisolated(unsafe) let dimensions: UnsafeMutablePointer<UInt64>

  init(_ tensors: [(name: String, elementType: ElementType, shape: [Int])]) {
    var types: [ElementType: Text] = [:]
    var first = 0
    var entries: [Entry] = []
    for tensor in tensors {
      let type = types[tensor.elementType] ?? Text(tensor.elementType.name)
      types[tensor.elementType] = type
      entries.append(
        Entry(
          name: Text(tensor.name), type: type, firstDimension: first, rank: tensor.shape.count,
          byteCount: tensor.elementType.byteCount(of: tensor.shape) ?? 0))
      first += tensor.shape.count
    }
    self.entries = entries
    unsafe dimensions = .allocate(capacity: max(1, first))
    for (index, dimension) in tensors.lazy.flatMap(\.shape).enumerated() {
      unsafe (dimensions + index).initialize(to: UInt64(dimension))
    }
  }

  deinit { unsafe dimensions.deallocate() }

  var count: UInt64 { UInt64(entries.count) }

  /// - Returns: nil if there is no tensor of this number.
  subscript(index: UInt64) -> gpatch_tensor? {
    guard index < entries.count else { return nil }
    let entry = entries[Int(index)]
    return unsafe gpatch_tensor(
      name: UnsafePointer(entry.name.pointer), type: UnsafePointer(entry.type.pointer),
      shape: UnsafePointer(dimensions + entry.firstDimension), rank: UInt64(entry.rank),
      byte_count: UInt64(entry.byteCount))
  }
}

extension PatchError {
  /// An argument of C that makes no sense.
  static func argument(_ message: String, tensor: String? = nil) -> PatchError {
    PatchError(.usage, tensor: tensor, message)
  }

  /// A buffer for a tensor that has another length.
  static func checkByteCount(
    _ byteCount: UInt64, of name: String, _ expected: Int
  ) throws(PatchError) {
    guard byteCount == expected else {
      throw argument(
        "tensor '\(name)' has \(expected) bytes, but the buffer \(byteCount)", tensor: name)
    }
  }
}

extension CheckpointRole {
  init(_ role: gpatch_role) throws(PatchError) {
    switch role {
    case GPATCH_BASE: self = .base
    case GPATCH_RESULT: self = .result
    default: throw .argument("there is no role \(role)")
    }
  }
}

extension gpatch_changes {
  /// Copies changes to memory of their own, which ``gpatch_changes_free`` gives back.
  static func allocated(_ changes: TensorPatching.Changes) -> UnsafeMutablePointer<gpatch_changes> {
    func copy<Element: BitwiseCopyable>(_ values: [Element]) -> UnsafeMutablePointer<Element> {
      let copy = UnsafeMutableBufferPointer<Element>.allocate(capacity: values.count)
      _ = unsafe copy.initialize(from: values)
      return unsafe copy.baseAddress ?? .allocate(capacity: 1)
    }
    let list = UnsafeMutablePointer<gpatch_changes>.allocate(capacity: 1)
    unsafe list.initialize(
      to: gpatch_changes(
        count: UInt64(changes.indices.count),
        element_byte_count: UInt64(changes.elementByteCount), indices: copy(changes.indices),
        base: UnsafeRawPointer(copy(changes.base)), result: UnsafeRawPointer(copy(changes.result))))
    return unsafe list
  }
}

@c @implementation
public func gpatch_changes_free(_ changes: UnsafeMutablePointer<gpatch_changes>?) {
  guard let changes = unsafe changes else { return }
  unsafe UnsafeMutablePointer(mutating: changes.pointee.indices).deallocate()
  unsafe UnsafeMutableRawPointer(mutating: changes.pointee.base).deallocate()
  unsafe UnsafeMutableRawPointer(mutating: changes.pointee.result).deallocate()
  unsafe changes.deallocate()
}
