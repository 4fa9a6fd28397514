/// Builds files as `torch.save` writes a dictionary of tensors, each with a storage of its own.
package struct TorchFileBuilder {
  package struct Tensor {
    package let name: String
    /// As safetensors names it, such as `BF16`.
    package let type: String
    package let shape: [Int]
    package let bytes: [UInt8]
  }

  /// The folder in the archive: the file's name when it was saved.
  package var folder = "archive"
  package private(set) var tensors: [Tensor] = []
  /// Whether it is a model's `state_dict()`, which has layer versions hung on it.
  package var isStateDictionary = false
  package var byteOrder: String? = "little"
  package var version: String? = "3\n"

  package init() {}

  package mutating func add(_ name: String, _ type: String, _ shape: [Int], _ bytes: [UInt8]) {
    tensors.append(Tensor(name: name, type: type, shape: shape, bytes: bytes))
  }

  package mutating func add(_ name: String, shape: [Int], floats: [Float]) {
    add(name, "F32", shape, SafetensorsBuilder.littleEndian(floats.map(\.bitPattern)))
  }

  /// The whole file.
  package var bytes: [UInt8] { archive().bytes }

  /// The archive, with another pickle if there is one.
  package func archive(pickle: [UInt8]? = nil) -> ZipBuilder {
    var zip = ZipBuilder()
    zip.add(folder + "/data.pkl", pickle ?? self.pickle)
    if let byteOrder { zip.add(folder + "/byteorder", byteOrder) }
    for (index, tensor) in tensors.enumerated() {
      zip.add(folder + "/data/\(index)", tensor.bytes)
    }
    if let version { zip.add(folder + "/version", version) }
    return zip
  }

  private var pickle: [UInt8] {
    var pickle = PickleAssembler()
    if isStateDictionary { pickle.emptyOrderedDictionary() } else { pickle.append("}") }
    pickle.put(0)
    pickle.append("(")
    for (index, tensor) in tensors.enumerated() {
      pickle.string(tensor.name)
      pickle.put(index + 1)
      pickle.tensor(
        Self.storages[tensor.type] ?? "UnknownStorage", key: "\(index)",
        count: tensor.shape.reduce(1, *), shape: tensor.shape)
    }
    pickle.append("u")
    if isStateDictionary {
      pickle.append("}")
      pickle.string("_metadata")
      pickle.emptyOrderedDictionary()
      pickle.string("encoder")
      pickle.append("}")
      pickle.string("version")
      pickle.integer(1)
      pickle.append("sssb")
    }
    pickle.append(".")
    return pickle.bytes
  }

  package static let storages = [
    "F32": "FloatStorage", "F16": "HalfStorage", "BF16": "BFloat16Storage",
    "F64": "DoubleStorage", "I64": "LongStorage", "I32": "IntStorage", "I16": "ShortStorage",
    "I8": "CharStorage", "U8": "ByteStorage", "BOOL": "BoolStorage",
  ]
}
