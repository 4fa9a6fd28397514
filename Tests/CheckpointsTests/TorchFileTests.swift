import ByteIO
import Checkpoints
import TestSupport
import Testing

/// Files that `torch.save` could have written, and what is read of them.
@Suite struct TorchFileTests {
  static func read(_ bytes: [UInt8]) throws(FormatError) -> [TensorDescriptor] {
    try TorchFile(parsing: bytes.span.bytes).tensors
  }

  /// Why `bytes` are refused, nil if they are not.
  static func refusal(_ bytes: [UInt8]) -> FormatError? {
    do throws(FormatError) {
      _ = try read(bytes)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: [false, true])
  func `tensors of every type are found, in the order of the dictionary`(
    isStateDictionary: Bool
  ) throws {
    var builder = TorchFileBuilder()
    builder.isStateDictionary = isStateDictionary
    for (index, type) in ElementType.allCases.enumerated() {
      guard TorchFileBuilder.storages[type.name] != nil else { continue }
      let bytes = (0..<(type.byteCount(of: [2, 3]) ?? 0)).map { UInt8($0 + index) }
      builder.add("z\(10 - index)", type.name, [2, 3], bytes)
    }
    let file = builder.bytes
    let tensors = try Self.read(file)
    #expect(tensors.count == 10)
    #expect(tensors.map(\.name) == builder.tensors.map(\.name))
    #expect(tensors.map(\.elementType.name) == builder.tensors.map(\.type))
    for (tensor, source) in zip(tensors, builder.tensors) {
      #expect(tensor.shape == [2, 3])
      #expect(Array(file[tensor.byteRange]) == source.bytes)
    }
  }

  @Test(arguments: [[], [1], [0], [4, 0, 3], [1, 5, 1], [2, 3, 2]])
  func `scalars, empty tensors and dimensions of length 1 are tensors`(shape: [Int]) throws {
    var builder = TorchFileBuilder()
    let count = shape.reduce(1, *)
    builder.add("t", shape: shape, floats: (0..<count).map { Float($0) })
    let tensors = try Self.read(builder.bytes)
    #expect(tensors.map(\.shape) == [shape])
    #expect(tensors[0].byteRange.count == 4 * count)
  }

  @Test func `a dictionary without tensors is one`() throws {
    #expect(try Self.read(TorchFileBuilder().bytes) == [])
  }

  @Test func `tensors may share a storage, whole or in part`() throws {
    var pickle = PickleAssembler()
    pickle.append("}")
    for (name, offset, shape) in [("a", 0, [2, 2]), ("b", 1, [3]), ("c", 4, [0])] {
      pickle.string(name)
      pickle.tensor("ShortStorage", key: "0", count: 4, offset: offset, shape: shape)
      pickle.append("s")
    }
    pickle.append(".")
    var builder = TorchFileBuilder()
    builder.add("", "I16", [4], Array(0..<8))
    let file = builder.archive(pickle: pickle.bytes).bytes
    let tensors = try Self.read(file)
    #expect(tensors.map { Array(file[$0.byteRange]) } == [Array(0..<8), Array(2..<8), []])
  }

  @Test(arguments: [([1, 4], [9, 1]), ([4, 1], [1, 7]), ([1, 1], [0, 0]), ([0, 3], [5, 5])])
  func `the stride of a dimension that is not walked does not matter`(
    shape: [Int], strides: [Int]
  ) throws {
    #expect(Self.refusal(Self.file(shape, strides)) == nil)
  }

  @Test(arguments: [([2, 2], [1, 2]), ([4], [0]), ([2], [2]), ([2, 2], [4, 1])])
  func `tensors whose rows do not follow one another are refused`(
    shape: [Int], strides: [Int]
  ) throws {
    let error = try #require(Self.refusal(Self.file(shape, strides)))
    #expect(
      error.reason
        == .unsupported(
          "the pickle has a tensor of shape \(shape) and strides \(strides); only rows one after "
            + "the other are read: save it again after .contiguous()"))
  }

  /// A tensor over a storage of 4 elements.
  static func file(_ shape: [Int], _ strides: [Int]? = nil, offset: Int = 0) -> [UInt8] {
    var pickle = PickleAssembler()
    pickle.append("}")
    pickle.string("t")
    pickle.tensor(
      "FloatStorage", key: "0", count: 4, offset: offset, shape: shape, strides: strides)
    pickle.append("s.")
    var builder = TorchFileBuilder()
    builder.add("", "F32", [4], Array(repeating: 0, count: 16))
    return builder.archive(pickle: pickle.bytes).bytes
  }

  @Test func `parameters are the tensors they hold`() throws {
    var pickle = PickleAssembler()
    pickle.append("}")
    pickle.string("p")
    pickle.global("torch._utils", "_rebuild_parameter")
    pickle.append("(")
    pickle.tensor("FloatStorage", key: "0", count: 1, shape: [1])
    pickle.append([0x88])
    pickle.emptyOrderedDictionary()
    pickle.append("tRs.")
    var builder = TorchFileBuilder()
    builder.add("", "F32", [1], [0, 0, 0, 0])
    #expect(try Self.read(builder.archive(pickle: pickle.bytes).bytes).map(\.name) == ["p"])
  }

  @Test(arguments: ["archive", "pytorch_model", "a b", "dé"])
  func `the folder in the archive may have any name`(folder: String) throws {
    var builder = TorchFileBuilder()
    builder.folder = folder
    builder.add("t", shape: [1], floats: [1])
    #expect(try Self.read(builder.bytes).count == 1)
  }

  @Test func `archives without 64-bit records, and older ones without a byte order, are read`()
    throws
  {
    var builder = TorchFileBuilder()
    builder.byteOrder = nil
    builder.version = "2"
    builder.add("t", shape: [1], floats: [1])
    var zip = builder.archive()
    zip.isWide = false
    #expect(try Self.read(zip.bytes).count == 1)
  }

  @Test func `sizes and places that moved to the 64-bit field are read there`() throws {
    var builder = TorchFileBuilder()
    builder.add("t", shape: [2], floats: [1, 2])
    var zip = builder.archive()
    let index = try #require(zip.entries.firstIndex { $0.name.hasSuffix("data/0") })
    let sound = try Self.read(zip.bytes)
    let start = sound[0].byteRange.lowerBound - 30 - zip.entries[index].name.utf8.count
    zip.entries[index].offset = .max
    zip.entries[index].byteCount = .max
    zip.entries[index].extra =
      [9, 0, 2, 0, 7, 7, 1, 0, 24, 0]
      + SafetensorsBuilder.littleEndian([UInt64(8), UInt64(8), UInt64(start)])
    #expect(try Self.read(zip.bytes) == sound)
    zip.entries[index].extra.removeLast(4)
    #expect(
      Self.refusal(zip.bytes)?.reason
        == .corrupt(
          "a long entry of the archive lacks its 64-bit sizes"))
  }
}
