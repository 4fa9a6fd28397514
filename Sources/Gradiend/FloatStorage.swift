package import Checkpoints

/// The element types that an update can be added to, or stored in.
package enum FloatStorage: Sendable {
  case float32
  case float16
  case bfloat16

  package init?(_ type: ElementType) {
    switch type {
    case .float32: self = .float32
    case .float16: self = .float16
    case .bfloat16: self = .bfloat16
    default: return nil
    }
  }

  package var byteWidth: Int { self == .float32 ? 4 : 2 }
}

extension FloatStorage {
  /// Converts `count` elements that start at `offset` in `bytes`, of any alignment.
  package func widen(
    _ bytes: RawSpan, at offset: Int, count: Int, into values: inout MutableSpan<Float>
  ) {
    precondition(offset >= 0 && offset + count * byteWidth <= bytes.byteCount)
    precondition(count >= 0 && count <= values.count)
    unsafe bytes.withUnsafeBytes { source in
      unsafe values.withUnsafeMutableBufferPointer { target in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        let kernels = unsafe Kernels.current
        switch self {
        case .float32:
          unsafe UnsafeMutableRawPointer(to).copyMemory(
            from: from + offset, byteCount: 4 * count)
        case .float16: unsafe kernels.widenFloat16(from + offset, to, count)
        case .bfloat16: unsafe kernels.widenBFloat16(from + offset, to, count)
        }
      }
    }
  }

  /// Rounds the first `count` values to this type, to nearest even.
  package func round(_ values: inout MutableSpan<Float>, count: Int) {
    precondition(count >= 0 && count <= values.count)
    unsafe values.withUnsafeMutableBufferPointer { buffer in
      guard let pointer = buffer.baseAddress else { return }
      let kernels = unsafe Kernels.current
      switch self {
      case .float32: break
      case .float16: unsafe kernels.roundToFloat16(pointer, count)
      case .bfloat16: unsafe kernels.roundToBFloat16(pointer, count)
      }
    }
  }

  /// Writes `base + update` for `update.count` elements at byte `offset` of both spans.
  func add(
    _ update: Span<Float>, to base: RawSpan, into result: inout MutableRawSpan, at offset: Int
  ) {
    let end = offset + update.count * byteWidth
    precondition(offset >= 0 && end <= base.byteCount && end <= result.byteCount)
    unsafe base.withUnsafeBytes { base in
      unsafe result.withUnsafeMutableBytes { result in
        unsafe update.withUnsafeBufferPointer { update in
          guard let base = base.baseAddress, let result = result.baseAddress,
            let summands = update.baseAddress
          else { return }
          let kernels = unsafe Kernels.current
          let add =
            switch self {
            case .float32: unsafe kernels.addToFloat32
            case .float16: unsafe kernels.addToFloat16
            case .bfloat16: unsafe kernels.addToBFloat16
            }
          unsafe add(base + offset, summands, result + offset, update.count)
        }
      }
    }
  }
}
