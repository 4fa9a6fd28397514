/// The opcodes that a dictionary of tensors needs, pickled in protocol 2.
enum PickleOpcode: UInt8 {
  case proto = 0x80
  case stop = 0x2E  // .
  case mark = 0x28  // (
  case none = 0x4E  // N
  case newTrue = 0x88
  case newFalse = 0x89
  case binInt = 0x4A  // J
  case binInt1 = 0x4B  // K
  case binInt2 = 0x4D  // M
  case long1 = 0x8A
  case binUnicode = 0x58  // X
  case emptyTuple = 0x29  // )
  case tuple = 0x74  // t
  case tuple1 = 0x85
  case tuple2 = 0x86
  case tuple3 = 0x87
  case emptyDict = 0x7D  // }
  case setItem = 0x73  // s
  case setItems = 0x75  // u
  case binPut = 0x71  // q
  case longBinPut = 0x72  // r
  case binGet = 0x68  // h
  case longBinGet = 0x6A  // j
  case global = 0x63  // c
  case reduce = 0x52  // R
  case build = 0x62  // b
  case binPersistentID = 0x51  // Q

  /// The name of an opcode that is refused, under which Python's documentation has it.
  static func name(of byte: UInt8) -> String {
    refused[byte] ?? "unknown"
  }

  private static let refused: [UInt8: String] = [
    0x69: "INST", 0x6F: "OBJ", 0x81: "NEWOBJ", 0x92: "NEWOBJ_EX", 0x93: "STACK_GLOBAL",
    0x82: "EXT1", 0x83: "EXT2", 0x84: "EXT4", 0x50: "PERSID", 0x64: "DICT", 0x6C: "LIST",
    0x5D: "EMPTY_LIST", 0x61: "APPEND", 0x65: "APPENDS", 0x8F: "EMPTY_SET", 0x90: "ADDITEMS",
    0x91: "FROZENSET", 0x30: "POP", 0x31: "POP_MARK", 0x32: "DUP", 0x70: "PUT", 0x67: "GET",
    0x94: "MEMOIZE", 0x95: "FRAME", 0x49: "INT", 0x4C: "LONG", 0x8B: "LONG4", 0x46: "FLOAT",
    0x47: "BINFLOAT", 0x53: "STRING", 0x54: "BINSTRING", 0x55: "SHORT_BINSTRING",
    0x56: "UNICODE", 0x8C: "SHORT_BINUNICODE", 0x8D: "BINUNICODE8", 0x42: "BINBYTES",
    0x43: "SHORT_BINBYTES", 0x8E: "BINBYTES8", 0x96: "BYTEARRAY8", 0x97: "NEXT_BUFFER",
    0x98: "READONLY_BUFFER",
  ]
}

/// What a pickle may name: types that are described here and functions that are carried out here,
/// none of which is ever looked up or called.
enum PickleGlobal: Equatable {
  case orderedDictionary
  case rebuildTensor
  case rebuildParameter
  case storage(ElementType)

  /// - Returns: nil for every other name.
  init?(module: String, name: String) {
    switch (module, name) {
    case ("collections", "OrderedDict"): self = .orderedDictionary
    case ("torch._utils", "_rebuild_tensor_v2"): self = .rebuildTensor
    case ("torch._utils", "_rebuild_parameter"): self = .rebuildParameter
    case ("torch", _):
      guard let type = Self.storages[name] else { return nil }
      self = .storage(type)
    default: return nil
    }
  }

  private static let storages: [String: ElementType] = [
    "FloatStorage": .float32, "HalfStorage": .float16, "BFloat16Storage": .bfloat16,
    "DoubleStorage": .float64, "LongStorage": .int64, "IntStorage": .int32,
    "ShortStorage": .int16, "CharStorage": .int8, "ByteStorage": .uint8, "BoolStorage": .bool,
  ]
}
