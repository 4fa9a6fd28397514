/// A value on the stack of a ``PickleMachine``.
///
/// Compound values are positions in the machine's lists. So a value that holds itself, or is nested
/// as deep as a file is long, costs nothing to copy, to compare or to release.
enum PickleValue {
  case none
  case boolean(Bool)
  case integer(Int)
  case string(String)
  case global(PickleGlobal)
  case tuple(Int)
  case dictionary(Int)
  case storage(Int)
  case tensor(Int)

  var integer: Int? {
    if case .integer(let integer) = self { integer } else { nil }
  }

  var string: String? {
    if case .string(let string) = self { string } else { nil }
  }

  /// What this is, for a message.
  var kind: String {
    switch self {
    case .none: "None"
    case .boolean: "a truth value"
    case .integer: "an integer"
    case .string: "a string"
    case .global: "a type or function"
    case .tuple: "a tuple"
    case .dictionary: "a dictionary"
    case .storage: "a storage"
    case .tensor: "a tensor"
    }
  }
}

/// A dictionary whose keys are strings, each once.
struct PickleDictionary {
  private(set) var entries: [(key: String, value: PickleValue)] = []
  private var keys: Set<String> = []

  /// - Returns: whether `key` was new.
  mutating func add(_ key: String, _ value: PickleValue) -> Bool {
    guard keys.insert(key).inserted else { return false }
    entries.append((key, value))
    return true
  }
}

/// A named run of elements outside of the pickle.
struct TorchStorage: Equatable {
  let elementType: ElementType
  /// The entry `data/KEY` of the archive.
  let key: String
  let elementCount: Int
}

/// Elements of a storage, row-major and without gaps.
struct TorchTensor: Equatable {
  let storage: TorchStorage
  let firstElement: Int
  let shape: [Int]
  /// The product of the shape.
  let elementCount: Int
}
