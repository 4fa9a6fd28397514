internal import ByteIO

/// What pickled tensors ask to be called, carried out on descriptions of tensors.
extension PickleMachine {
  /// Puts what `callable(*arguments)` would give in place of both.
  mutating func reduce() throws(FormatError) {
    let operands = try pop(2)
    guard case .global(let global) = operands[0], case .tuple(let index) = operands[1] else {
      throw unsupported(
        "the pickle calls \(operands[0].kind) with \(operands[1].kind); nothing was called")
    }
    let arguments = tuples[index]
    switch global {
    case .orderedDictionary:
      guard arguments.isEmpty else {
        throw unsupported("the pickle makes an OrderedDict from other entries than its own")
      }
      try pushDictionary()
    case .rebuildTensor: try push(try tensor(arguments))
    case .rebuildParameter:
      // Data, whether it needs a gradient, hooks.
      guard arguments.count == 3, case .tensor(let tensor) = arguments[0] else {
        throw corrupt("the pickle makes a parameter of something else than a tensor")
      }
      try push(.tensor(tensor))
    case .storage:
      throw unsupported("the pickle calls a type of storage; nothing was called")
    }
  }

  /// Sets the state of the object on top of the stack.
  ///
  /// Python hangs the versions of a model's layers on its dictionary of tensors, as `_metadata`. They
  /// are ignored, and everything else is refused.
  mutating func build() throws(FormatError) {
    let state = try pop(1)[0]
    guard case .dictionary = try top(), case .dictionary(let index) = state,
      dictionaries[index].entries.allSatisfy({ $0.key == "_metadata" })
    else {
      throw unsupported(
        "the pickle sets the state of \(try top().kind), which no dictionary of tensors needs")
    }
  }

  /// Takes `('storage', type, key, device, elements)` from the stack.
  mutating func pushStorage() throws(FormatError) {
    guard case .tuple(let index) = try pop(1)[0] else {
      throw unsupported("the pickle refers to something else than a storage")
    }
    let parts = tuples[index]
    guard parts.count == 5, parts[0].string == "storage",
      case .global(.storage(let type)) = parts[1], let key = parts[2].string,
      parts[3].string != nil, let count = parts[4].integer, count >= 0
    else {
      throw unsupported("the pickle refers to something else than a storage of a known type")
    }
    try push(TorchStorage(elementType: type, key: key, elementCount: count))
  }

  /// The tensor that `_rebuild_tensor_v2(storage, offset, size, stride, gradient, hooks, …)` makes.
  private func tensor(_ arguments: [PickleValue]) throws(FormatError) -> TorchTensor {
    guard (6...7).contains(arguments.count), case .storage(let index) = arguments[0],
      let first = arguments[1].integer, first >= 0, let shape = naturals(arguments[2]),
      let strides = naturals(arguments[3]), shape.count == strides.count
    else { throw corrupt("the pickle makes a tensor from other things than tensors have") }
    if arguments.count == 7 {
      // Whether the values are to be negated or conjugated.
      guard case .dictionary(let metadata) = arguments[6], dictionaries[metadata].entries.isEmpty
      else { throw unsupported("the pickle has a tensor whose values are not those stored") }
    }
    let storage = storages[index]
    guard storage.elementType.fits(shape) else {
      throw corrupt("the pickle has a tensor whose shape overflows")
    }
    let elementCount = shape.contains(0) ? 0 : shape.reduce(1, *)
    guard elementCount == 0 || Self.isRowMajor(shape, strides) else {
      throw unsupported(
        "the pickle has a tensor of shape \(shape) and strides \(strides); only rows one after the "
          + "other are read: save it again after .contiguous()")
    }
    guard first <= storage.elementCount, elementCount <= storage.elementCount - first else {
      throw corrupt(
        "the pickle has a tensor of \(elementCount) elements from \(first) on in a storage of "
          + "\(storage.elementCount)")
    }
    return TorchTensor(
      storage: storage, firstElement: first, shape: shape, elementCount: elementCount)
  }

  /// The items of a tuple of integers of at least zero.
  private func naturals(_ value: PickleValue) -> [Int]? {
    guard case .tuple(let index) = value else { return nil }
    let integers = tuples[index].compactMap(\.integer)
    guard integers.count == tuples[index].count, integers.allSatisfy({ $0 >= 0 }) else {
      return nil
    }
    return integers
  }

  /// Whether the strides are those of rows without gaps. That of a dimension of length 1 is never
  /// used.
  private static func isRowMajor(_ shape: [Int], _ strides: [Int]) -> Bool {
    var expected = 1
    for (length, stride) in zip(shape, strides).reversed() where length != 1 {
      guard stride == expected else { return false }
      expected *= length
    }
    return true
  }
}
