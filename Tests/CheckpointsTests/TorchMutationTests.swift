import ByteIO
import Checkpoints
import TestSupport
import Testing

/// Sound files with a few bytes changed: whatever comes of it, never a trap, never a tensor outside.
@Suite struct TorchMutationTests {
  static let builder: TorchFileBuilder = {
    var builder = TorchFileBuilder()
    builder.isStateDictionary = true
    builder.add("encoder.0.linear.weight", shape: [1, 4], floats: [1, 2, 3, 4])
    builder.add("mask", "BOOL", [3], [1, 0, 1])
    builder.add("indices", "I64", [2], Array(repeating: 1, count: 16))
    return builder
  }()

  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func `mutated archives never trap`(seed: UInt64) throws {
    let sound = Self.builder.bytes
    // Most of the file is records and pickle; ends are hit as often as the rest together.
    try mutate(
      sound, seed: seed, count: 850, places: [0..<sound.count, (sound.count - 98)..<sound.count])
  }

  @Test(arguments: 11...20 as ClosedRange<UInt64>)
  func `mutated pickles never trap`(seed: UInt64) throws {
    let archive = Self.builder.archive()
    let pickle = archive.entries[0].contents
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<850 {
      let mutant = Self.mutant(of: pickle, in: [0..<pickle.count], &generator)
      check(Self.builder.archive(pickle: mutant).bytes, seed: seed)
    }
  }

  /// Opcodes and arguments in any order, which reach further than noise does.
  @Test(arguments: 21...25 as ClosedRange<UInt64>)
  func `shuffled opcodes never trap`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<850 {
      var pickle = PickleAssembler()
      for _ in 0..<Int.random(in: 1...40, using: &generator) {
        Self.appendAnything(to: &pickle, &generator)
      }
      pickle.append(".")
      check(Self.builder.archive(pickle: pickle.bytes).bytes, seed: seed)
    }
  }

  private func mutate(
    _ sound: [UInt8], seed: UInt64, count: Int, places: [Range<Int>]
  ) throws {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<count {
      check(Self.mutant(of: sound, in: places, &generator), seed: seed)
    }
  }

  private func check(_ file: [UInt8], seed: UInt64) {
    guard let tensors = try? TorchFileTests.read(file) else { return }
    for tensor in tensors {
      let isInside = 0 <= tensor.byteRange.lowerBound && tensor.byteRange.upperBound <= file.count
      let isFull =
        tensor.elementType.byteCount(of: tensor.shape) == tensor.byteRange.count
      if !isInside || !isFull { Issue.record("seed \(seed): \(tensor)") }
    }
  }

  private static func mutant(
    of sound: [UInt8], in places: [Range<Int>], _ generator: inout SeededGenerator
  ) -> [UInt8] {
    var bytes = sound
    for _ in 0..<Int.random(in: 1...3, using: &generator) {
      let range = places.randomElement(using: &generator) ?? 0..<1
      let place = min(Int.random(in: range, using: &generator), bytes.count - 1)
      switch Int.random(in: 0...5, using: &generator) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      case 1: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
      case 2: bytes[place] = opcodes.randomElement(using: &generator) ?? 0
      case 3: bytes.remove(at: place)
      case 4: bytes.insert(opcodes.randomElement(using: &generator) ?? 0, at: place)
      default: bytes.replaceSubrange(place..., with: bytes[place...].reversed())
      }
    }
    return bytes
  }

  private static let opcodes =
    Array("(.)NJKMXt}suqrhjcRbQ".utf8) + [0x80, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A]

  private static func appendAnything(
    to pickle: inout PickleAssembler, _ generator: inout SeededGenerator
  ) {
    switch Int.random(in: 0...11, using: &generator) {
    case 0: pickle.append("}")
    case 1: pickle.append("(")
    case 2:
      pickle.append(["t", "u", "s", "R", "b", "Q", ")"].randomElement(using: &generator) ?? "")
    case 3: pickle.append([[0x85], [0x86], [0x87]].randomElement(using: &generator) ?? [])
    case 4:
      pickle.string(["a", "storage", "0", "_metadata"].randomElement(using: &generator) ?? "")
    case 5: pickle.integer([0, 1, 4, -1, .max, .min].randomElement(using: &generator) ?? 0)
    case 6: pickle.put(Int.random(in: 0...3, using: &generator))
    case 7: pickle.get(Int.random(in: 0...3, using: &generator))
    case 8: pickle.emptyOrderedDictionary()
    case 9: pickle.storage("FloatStorage", key: "0", count: 4)
    case 10: pickle.global("torch._utils", "_rebuild_tensor_v2")
    default:
      pickle.tensor(
        "FloatStorage", key: "0", count: 4, offset: Int.random(in: 0...5, using: &generator),
        shape: [Int.random(in: -1...5, using: &generator)])
    }
  }
}
