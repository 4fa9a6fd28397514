internal import ByteIO
internal import Checkpoints

/// Finds parameters of Hugging Face in a GGUF (Formats/gguf-mapping.md, section 8).
struct GGUFPlaces: ParameterFinder {
  private let base: Checkpoint
  private let mapping: GGUFMapping
  private let positions: [String: Int]

  /// - Throws: ``PatchError`` if the architecture is not one whose conversion is known.
  init(_ base: Checkpoint) throws(PatchError) {
    self.base = base
    mapping = try PatchError.opening { () throws(CheckpointError) in try GGUFMapping(base) }
    positions = Dictionary(
      uniqueKeysWithValues: base.tensors.enumerated().map { ($1.name, $0) })
  }

  var remark: String {
    ", as far as names are known of GGUF of architecture \(mapping.architecture)"
  }

  func place(of name: String, isWhole: Bool) -> ParameterPlace? {
    var name = Substring(name)
    while let wrapper = ["module.", "_orig_mod."].first(where: { name.hasPrefix($0) }) {
      name = name.dropFirst(wrapper.count)
    }
    switch mapping.fate(of: String(name)) {
    case .dropped: return ParameterPlace(shape: nil, pieces: [])
    case .place(let stored, let layout, let isShifted):
      guard let position = positions[stored] else { return nil }
      let shape = base.tensors[position].descriptor.shape
      return ParameterPlace(
        shape: layout == .transposed ? shape.reversed() : shape,
        pieces: [.init(tensorIndex: position, layout: layout, isShifted: isShifted)])
    case nil: return nil
    }
  }

  /// Where rows of the parameter that the file lacks come first.
  func isCutInFront(_ position: Int) -> Bool { mapping.isCutInFront(base.tensors[position].name) }

  /// The type whose values all tensors have that the converter made of parameters; nil if each has
  /// those of its own type.
  ///
  /// A checkpoint of narrow floats is often stored in wider ones, its norms always. An update has to
  /// be rounded as it is there.
  ///
  /// - Complexity: O(elements that are not of that type).
  func valueType() -> ElementType? {
    [ElementType.bfloat16, .float16].first { type in
      base.tensors.allSatisfy { tensor in
        guard !GGUFMapping.isComputed(tensor.name) else { return true }
        guard
          let conversion = FloatConversion(
            stored: tensor.descriptor.elementType, value: type,
            isShifted: mapping.isShifted(tensor.name))
        else { return false }
        return conversion.isIdentity || holdsValues(tensor, conversion)
      }
    }
  }

  /// Whether all elements are stored values.
  func holdsValues(_ tensor: Checkpoint.Tensor, _ conversion: FloatConversion) -> Bool {
    let file = base.file(of: tensor)
    let blockLength = 1 << 20
    var values = [UInt8](repeating: 0, count: blockLength * conversion.valueWidth)
    for start in stride(from: 0, to: tensor.descriptor.elementCount, by: blockLength) {
      let count = min(blockLength, tensor.descriptor.elementCount - start)
      let first = tensor.descriptor.byteRange.lowerBound + start * conversion.storedWidth
      let range = first..<first + count * conversion.storedWidth
      defer { file.releasePages(in: range) }
      values.removeLast(values.count - count * conversion.valueWidth)
      var fault: Int?
      values.withMutableRawSpan { fault = conversion.read(file.bytes.extracting(range), into: &$0) }
      if fault != nil { return false }
    }
    return true
  }
}
