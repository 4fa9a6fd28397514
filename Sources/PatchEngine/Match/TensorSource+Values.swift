internal import ByteIO
internal import Checkpoints
internal import ModelNames

/// Which values the tensors of a GGUF may have had before they were converted.
extension TensorSource {
  /// The type whose values all tensors have that the converter made of parameters; nil if each has
  /// those of its own type.
  ///
  /// A checkpoint of narrow floats is often stored in wider ones, its norms always. An update has to
  /// be rounded as it is there.
  ///
  /// - Complexity: O(elements that are not of that type).
  func valueType(_ mapping: GGUFMapping) -> ElementType? {
    [ElementType.bfloat16, .float16].first { type in
      tensors.allSatisfy { tensor in
        guard !GGUFMapping.isComputed(tensor.name) else { return true }
        guard
          let conversion = FloatConversion(
            stored: tensor.elementType, value: type, addsOne: mapping.addsOne(to: tensor.name))
        else { return false }
        return conversion.isIdentity || holdsValues(tensor, conversion)
      }
    }
  }

  /// Whether all elements are stored values.
  func holdsValues(_ tensor: StoredTensor, _ conversion: FloatConversion) -> Bool {
    let blockLength = 1 << 20
    let elementCount = tensor.descriptor.elementCount
    return stride(from: 0, to: elementCount, by: blockLength).allSatisfy { start in
      let width = conversion.storedWidth
      let count = min(blockLength, elementCount - start)
      var values = [UInt8](uninitializedByteCount: count * conversion.valueWidth)
      let stored = bytes(of: tensor, in: start * width..<(start + count) * width)
      var fault: Int?
      values.withMutableRawSpan { fault = conversion.read(stored.rawSpan, into: &$0) }
      return fault == nil
    }
  }
}
