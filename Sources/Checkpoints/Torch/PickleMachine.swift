internal import ByteIO

/// Carries out a pickle that holds a dictionary of tensors, and no other.
///
/// A pickle is a program for a stack machine that can be told to call any function. This machine
/// has few of its opcodes and few things to name (``PickleOpcode``, ``PickleGlobal``), and calls
/// nothing. Every opcode takes a byte or more and adds at most one value, and there are limits on
/// stack, nesting and objects, which together bound time and memory by the pickle's length.
struct PickleMachine {
  /// Some 100,000 tensors.
  static let byteCountLimit = 16 << 20
  /// Python writes the entries of a dictionary a thousand at a time.
  static let stackLimit = 65_536
  static let nestingLimit = 32
  /// Of tuples, dictionaries, storages and tensors together.
  static let objectLimit = 1 << 20
  /// Of the name of a module or of something in it.
  private static let lineLimit = 256

  /// Where the opcode lies that is being carried out.
  private(set) var offset = 0
  private var stack: [PickleValue] = []
  /// Heights of the stack.
  private var marks: [Int] = []
  private var memo: [PickleValue] = []
  private var objectCount = 0
  private(set) var tuples: [[PickleValue]] = []
  /// How deep the tuples in each tuple go.
  private var tupleDepths: [Int] = []
  var dictionaries: [PickleDictionary] = []
  var storages: [TorchStorage] = []
  var tensors: [TorchTensor] = []

  /// Runs `pickle` to its end.
  ///
  /// - Returns: the dictionary's tensors in its order, each name once.
  /// - Throws: ``FormatError`` at the opcode that is refused, counted from the start of the pickle.
  /// - Complexity: O(`pickle.byteCount`).
  static func run(
    _ pickle: RawSpan
  ) throws(FormatError) -> [(name: String, tensor: TorchTensor)] {
    guard pickle.byteCount <= byteCountLimit else {
      throw .limitExceeded("the pickle takes more than \(byteCountLimit) bytes", at: 0)
    }
    var machine = PickleMachine()
    var reader = ByteReader(pickle)
    while try machine.step(&reader) {}
    guard reader.isAtEnd else {
      throw .corrupt("the pickle goes on behind its end", at: reader.position)
    }
    return try machine.result()
  }

  /// Carries out one opcode.
  ///
  /// - Returns: whether another one follows.
  private mutating func step(_ reader: inout ByteReader) throws(FormatError) -> Bool {
    offset = reader.position
    let byte = try reader.read(UInt8.self)
    guard let opcode = PickleOpcode(rawValue: byte) else {
      throw .unsupported(
        "the pickle uses \(PickleOpcode.name(of: byte)) (opcode \(byte)), which no dictionary of "
          + "tensors needs; do not trust this file unless you made it", at: offset)
    }
    guard (offset == 0) == (opcode == .proto) else {
      throw corrupt("the pickle does not begin with its protocol, or names another")
    }
    switch opcode {
    case .stop: return false
    case .proto:
      let version = try reader.read(UInt8.self)
      guard version == 2 else {
        throw .unsupported(
          "the pickle has protocol \(version); torch.save writes 2 unless told otherwise",
          at: offset)
      }
    case .mark:
      guard marks.count < Self.nestingLimit else { throw tooDeep }
      marks.append(stack.count)
    case .none: try push(.none)
    case .newTrue: try push(.boolean(true))
    case .newFalse: try push(.boolean(false))
    case .binInt: try push(.integer(Int(try reader.read(Int32.self))))
    case .binInt1: try push(.integer(Int(try reader.read(UInt8.self))))
    case .binInt2: try push(.integer(Int(try reader.read(UInt16.self))))
    case .long1: try push(.integer(try longInteger(&reader)))
    case .binUnicode: try push(.string(try reader.readUTF8(Int(try reader.read(UInt32.self)))))
    case .emptyTuple: try pushTuple([])
    case .tuple: try pushTuple(try popToMark())
    case .tuple1: try pushTuple(try pop(1))
    case .tuple2: try pushTuple(try pop(2))
    case .tuple3: try pushTuple(try pop(3))
    case .emptyDict: try pushDictionary()
    case .setItem: try setItems(try pop(2))
    case .setItems: try setItems(try popToMark())
    case .binPut: try memorise(Int(try reader.read(UInt8.self)))
    case .longBinPut: try memorise(Int(try reader.read(UInt32.self)))
    case .binGet: try recall(Int(try reader.read(UInt8.self)))
    case .longBinGet: try recall(Int(try reader.read(UInt32.self)))
    case .global: try push(.global(try global(&reader)))
    case .reduce: try reduce()
    case .build: try build()
    case .binPersistentID: try pushStorage()
    }
    return true
  }

  func corrupt(_ message: String) -> FormatError { .corrupt(message, at: offset) }

  func unsupported(_ message: String) -> FormatError { .unsupported(message, at: offset) }

  private var tooDeep: FormatError {
    .limitExceeded("the pickle is nested more than \(Self.nestingLimit) deep", at: offset)
  }

  // MARK: Stack

  mutating func push(_ value: PickleValue) throws(FormatError) {
    guard stack.count < Self.stackLimit else {
      throw .limitExceeded("the pickle's stack holds \(Self.stackLimit) values", at: offset)
    }
    stack.append(value)
  }

  /// Takes `count` values from the stack, none of them below the last mark, the deepest first.
  mutating func pop(_ count: Int) throws(FormatError) -> [PickleValue] {
    guard stack.count - (marks.last ?? 0) >= count else {
      throw corrupt("the pickle takes more from the stack than is there")
    }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popToMark() throws(FormatError) -> [PickleValue] {
    guard let mark = marks.popLast() else {
      throw corrupt("the pickle takes a mark from the stack that is not there")
    }
    defer { stack.removeLast(stack.count - mark) }
    return Array(stack[mark...])
  }

  /// The value on top, which stays.
  func top() throws(FormatError) -> PickleValue {
    guard stack.count > marks.last ?? 0, let value = stack.last else {
      throw corrupt("the pickle needs a value on the stack that is not there")
    }
    return value
  }

  // MARK: Memo

  /// Keeps the value on top under the next free number, the only one that Python uses.
  private mutating func memorise(_ number: Int) throws(FormatError) {
    guard number == memo.count else {
      throw corrupt("the pickle keeps a value as number \(number), not \(memo.count)")
    }
    memo.append(try top())
  }

  private mutating func recall(_ number: Int) throws(FormatError) {
    guard number < memo.count else {
      throw corrupt("the pickle recalls value \(number) of \(memo.count)")
    }
    try push(memo[number])
  }

  // MARK: Values

  /// A signed integer of up to 8 bytes, behind their count.
  private func longInteger(_ reader: inout ByteReader) throws(FormatError) -> Int {
    let byteCount = Int(try reader.read(UInt8.self))
    guard byteCount <= 8 else { throw corrupt("the pickle has an integer over 64 bits") }
    let bytes = try reader.readBytes(byteCount).array
    guard let last = bytes.last else { return 0 }
    return bytes.dropLast().reversed().reduce(Int(Int8(bitPattern: last))) { $0 << 8 | Int($1) }
  }

  private func global(_ reader: inout ByteReader) throws(FormatError) -> PickleGlobal {
    let newline = UInt8(ascii: "\n")
    let module = try reader.readUTF8(before: newline, limit: Self.lineLimit)
    let name = try reader.readUTF8(before: newline, limit: Self.lineLimit)
    guard let global = PickleGlobal(module: module, name: name) else {
      throw unsupported(
        "the pickle asks for '\(module).\(name)', which is none of the things that a dictionary of "
          + "tensors needs; nothing was called, and you should not trust this file unless you made "
          + "it")
    }
    return global
  }

  private mutating func countObject() throws(FormatError) {
    objectCount += 1
    guard objectCount <= Self.objectLimit else {
      throw .limitExceeded("the pickle makes more than \(Self.objectLimit) objects", at: offset)
    }
  }

  private mutating func pushTuple(_ items: [PickleValue]) throws(FormatError) {
    try countObject()
    var depth = 1
    for case .tuple(let index) in items { depth = max(depth, tupleDepths[index] + 1) }
    guard depth <= Self.nestingLimit else { throw tooDeep }
    tuples.append(items)
    tupleDepths.append(depth)
    try push(.tuple(tuples.count - 1))
  }

  mutating func pushDictionary() throws(FormatError) {
    try countObject()
    dictionaries.append(PickleDictionary())
    try push(.dictionary(dictionaries.count - 1))
  }

  mutating func push(_ storage: TorchStorage) throws(FormatError) {
    try countObject()
    storages.append(storage)
    try push(.storage(storages.count - 1))
  }

  mutating func push(_ tensor: TorchTensor) throws(FormatError) {
    try countObject()
    tensors.append(tensor)
    try push(.tensor(tensors.count - 1))
  }

  /// Adds keys and values, by turns, to the dictionary on top of the stack.
  private mutating func setItems(_ items: [PickleValue]) throws(FormatError) {
    guard case .dictionary(let index) = try top(), items.count.isMultiple(of: 2) else {
      throw corrupt("the pickle adds entries to something that is not a dictionary")
    }
    for position in stride(from: 0, to: items.count, by: 2) {
      guard let key = items[position].string else {
        throw unsupported("the pickle has a dictionary with \(items[position].kind) as a key")
      }
      guard dictionaries[index].add(key, items[position + 1]) else {
        throw corrupt("the pickle has a dictionary with two entries '\(key)'")
      }
    }
  }

  /// What is left on the stack: a dictionary of tensors.
  private func result() throws(FormatError) -> [(name: String, tensor: TorchTensor)] {
    guard stack.count == 1, marks.isEmpty, case .dictionary(let index) = stack[0] else {
      throw unsupported("the pickle holds something else than one dictionary of tensors")
    }
    var result: [(name: String, tensor: TorchTensor)] = []
    for entry in dictionaries[index].entries {
      guard case .tensor(let tensor) = entry.value else {
        throw unsupported("entry '\(entry.key)' of the file is \(entry.value.kind), not a tensor")
      }
      result.append((entry.key, tensors[tensor]))
    }
    return result
  }
}
