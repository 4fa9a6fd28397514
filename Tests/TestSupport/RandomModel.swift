/// A small model of random tensors: many types, odd shapes, a scalar and tensors without elements.
package struct RandomModel: Sendable {
  package struct Tensor: Equatable, Sendable {
    package var name: String
    /// As in a header, such as `BF16`.
    package var type: String
    package var shape: [Int]
    package var bytes: [UInt8]

    package init(name: String, type: String, shape: [Int], bytes: [UInt8]) {
      self.name = name
      self.type = type
      self.shape = shape
      self.bytes = bytes
    }

    package var elementCount: Int { shape.reduce(1, *) }
    package var isPatchable: Bool { ["F32", "F16", "BF16"].contains(type) }
    /// At least 1, for types that share bytes.
    package var byteWidth: Int { max(1, bytes.count / max(1, elementCount)) }
  }

  package var tensors: [Tensor] = []
  private var generator: SeededGenerator

  /// - Parameter seed: decides shapes, values and the order of the tensors.
  package init(seed: UInt64) {
    generator = SeededGenerator(seed: seed)
    add("model.embed.weight", "BF16", [size(), size()])
    add("model.layers.0.up.weight", "F16", [size(), size()])
    add("model.layers.0.down.weight", "F32", [size(), size(), 1 + size() % 3])
    add("model.layers.1.up.weight", "BF16", [1, size()])
    add("model.layers.1.down.weight", "F16", [size(), 1])
    add("model.norm.weight", "F32", [size()])
    add("model.scale", "F32", [])
    add("model.empty", "BF16", [0, 7])
    add("model.void", "F32", [3, 0])
    add("model.steps", "I64", [])
    add("model.mask", "BOOL", [size()])
    add("model.table", "I32", [size(), 2])
    add("model.ids", "U16", [size()])
    add("model.codes", "F8_E4M3", [size(), size()])
    add("model.pairs", "F4", [size(), 2])
    add("model.double", "F64", [size()])
    add("model.phases", "C64", [size()])
    tensors.shuffle(using: &generator)
  }

  /// The tensor with this name.
  package subscript(name: String) -> Tensor? { tensors.first { $0.name == name } }

  // MARK: Files

  /// All tensors in one file.
  package func file(metadata: [(key: String, value: String)] = [("format", "pt")]) -> [UInt8] {
    Self.file(tensors[...], metadata)
  }

  /// The tensors dealt out to `count` files, by the name of the file.
  package func shards(_ count: Int) -> [(name: String, bytes: [UInt8])] {
    (0..<count).map { shard in
      let mine = tensors.indices.filter { $0 % count == shard }.map { tensors[$0] }
      return (Self.shardName(shard, count), Self.file(mine[...], [("format", "pt")]))
    }
  }

  /// The text of `model.safetensors.index.json` for ``shards(_:)``.
  package func shardIndex(_ count: Int) -> String {
    let entries = tensors.indices.map {
      #""\#(tensors[$0].name)":"\#(Self.shardName($0 % count, count))""#
    }
    return #"{"metadata":{},"weight_map":{\#(entries.joined(separator: ","))}}"#
  }

  private static func shardName(_ shard: Int, _ count: Int) -> String {
    "model-0000\(shard + 1)-of-0000\(count).safetensors"
  }

  private static func file(
    _ tensors: ArraySlice<Tensor>, _ metadata: [(key: String, value: String)]
  ) -> [UInt8] {
    var builder = SafetensorsBuilder()
    builder.add(metadata: metadata)
    for tensor in tensors { builder.add(tensor.name, tensor.type, tensor.shape, tensor.bytes) }
    return builder.bytes
  }

  // MARK: Updates

  /// The model with some elements of some tensors changed, of any type.
  ///
  /// Most changes are small steps of the last bits, as an update makes them; a few are any bits.
  package func changed(seed: UInt64) -> RandomModel {
    var result = self
    var generator = SeededGenerator(seed: seed)
    for index in tensors.indices where Bool.random(using: &generator) {
      let share = ([0.01, 0.2, 1] as [Double]).randomElement(using: &generator) ?? 1
      let width = tensors[index].byteWidth
      for element in 0..<tensors[index].bytes.count / width
      where Double.random(in: 0..<1, using: &generator) < share {
        let first = element * width
        let isStep = Int.random(in: 0..<8, using: &generator) > 0
        for byte in first..<(isStep ? first + 1 : first + width) {
          result.tensors[index].bytes[byte] &+= UInt8.random(in: 1...3, using: &generator)
        }
      }
    }
    return result
  }

  /// The model with at least eight tensors changed, by the first seed that does so.
  package func widelyChanged(from seed: UInt64) -> RandomModel {
    let result = changed(seed: seed)
    let count = zip(tensors, result.tensors).count { $0 != $1 }
    return count < 8 ? widelyChanged(from: seed + 1) : result
  }

  /// Parameters of a GRADIEND over the tensors that can be patched, with every kind of selection.
  package func parameters(seed: UInt64) -> [GradiendBuilder.Parameter] {
    var generator = SeededGenerator(seed: seed)
    return tensors.filter { $0.isPatchable && $0.elementCount > 0 }.enumerated().map {
      position, tensor in
      let count = tensor.elementCount
      let selection: GradiendBuilder.Selection =
        switch position % 3 {
        case 0: .all
        case 1: .mask((0..<count).map { _ in UInt8.random(in: 0...1, using: &generator) })
        default: .indices((0..<count).filter { _ in Bool.random(using: &generator) })
        }
      return GradiendBuilder.Parameter(tensor.name, tensor.shape, selection)
    }
  }

  // MARK: Values

  private mutating func size() -> Int { Int.random(in: 2...13, using: &generator) }

  private mutating func add(_ name: String, _ type: String, _ shape: [Int]) {
    let count = shape.reduce(1, *)
    let bytes: [UInt8] =
      switch type {
      case "F32": SafetensorsBuilder.littleEndian(floats(count).map(\.bitPattern))
      case "BF16":
        SafetensorsBuilder.littleEndian(
          floats(count).map { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) })
      case "F16": SafetensorsBuilder.littleEndian(floats(count).map { Float16($0).bitPattern })
      case "BOOL": (0..<count).map { _ in UInt8.random(in: 0...1, using: &generator) }
      case "F4": (0..<count / 2).map { _ in UInt8.random(in: 0...255, using: &generator) }
      case "F8_E4M3": (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      case "U16": (0..<2 * count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      case "I32": (0..<4 * count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      default:  // I64, F64, C64
        (0..<8 * count).map { _ in UInt8.random(in: 0...255, using: &generator) }
      }
    tensors.append(Tensor(name: name, type: type, shape: shape, bytes: bytes))
  }

  /// Weights of many magnitudes; one in sixteen is a zero, a denormal, an infinity or NaN.
  private mutating func floats(_ count: Int) -> [Float] {
    (0..<count).map { _ in
      if Int.random(in: 0..<16, using: &generator) == 0 {
        return [0, -0.0, 0x1p-149, -0x1p-130, .infinity, -.infinity, .nan].randomElement(
          using: &generator) ?? 0
      }
      let exponent = Int.random(in: -14...2, using: &generator)
      return Float.random(in: -1...1, using: &generator)
        * Float(sign: .plus, exponent: exponent, significand: 1)
    }
  }
}
