import ByteIO
import Checkpoints
import Dispatch
import Synchronization

/// Measures ``Floors`` of two safetensors checkpoints with the same tensors.
struct FloorsMeasurement {
  private let base: Checkpoint
  private let result: Checkpoint

  /// - Throws: ``BenchError`` if they are not of the same tensors, or whatever keeps either from being
  ///   read.
  init(base: String, result: String) throws {
    self.base = try Checkpoint(path: base)
    self.result = try Checkpoint(path: result)
    for tensor in self.base.tensors {
      let other = self.result[tensor.name]?.descriptor
      guard other?.elementType == tensor.descriptor.elementType,
        other?.shape == tensor.descriptor.shape
      else { throw BenchError("tensor '\(tensor.name)' is not the same in base and result") }
    }
  }

  /// Reads all elements, so many tensors at once; `progress` is told how many of how many bytes are
  /// done.
  ///
  /// - Complexity: O(elements); memory for the columns of a tensor and the different changes.
  func run(
    threadCount: Int, progress: @escaping @Sendable (Int, Int) -> Void = { _, _ in }
  ) -> Floors {
    let order = base.tensors.indices.sorted {
      base.tensors[$0].descriptor.byteRange.count > base.tensors[$1].descriptor.byteRange.count
    }
    let byteCount = base.tensors.reduce(0) { $0 + $1.descriptor.byteRange.count }
    let next = Atomic(0)
    let bytesDone = Atomic(0)
    let whole = Mutex(FloorsTotals())
    DispatchQueue.concurrentPerform(iterations: threadCount) { _ in
      var totals = FloorsTotals()
      while true {
        let turn = next.add(1, ordering: .relaxed).oldValue
        guard turn < order.count else { break }
        let tensor = base.tensors[order[turn]]
        add(tensor, to: &totals)
        let bytes = tensor.descriptor.byteRange.count
        progress(bytesDone.add(bytes, ordering: .relaxed).newValue, byteCount)
      }
      whole.withLock { $0.add(totals) }
    }
    return whole.withLock { $0.floors }
  }

  private func add(_ tensor: StoredTensor, to totals: inout FloorsTotals) {
    guard let other = result[tensor.name] else { return }
    let elements = ElementPair(
      base: base.file(of: tensor), at: tensor.descriptor.byteRange.lowerBound,
      result: result.file(of: other), at: other.descriptor.byteRange.lowerBound,
      count: tensor.descriptor.elementCount)
    switch tensor.descriptor.elementType {
    case .bfloat16:
      totals.add(elements, shape: tensor.descriptor.shape, mantissaBitCount: 7)
    case .float16:
      totals.add(elements, shape: tensor.descriptor.shape, mantissaBitCount: 10)
    case .float32:
      totals.add(float32: elements)
    default:
      break
    }
  }
}
