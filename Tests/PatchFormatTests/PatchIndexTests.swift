import ByteIO
import Checkpoints
import TestSupport
import Testing

@testable import PatchFormat

@Suite struct PatchIndexTests {
  @Test func `more tensors than a checkpoint may have are refused`() {
    let count = Checkpoint.tensorCountLimit + 1
    var table = IndexTable()
    table.count = []
    table.count.appendVariableLength(count)
    // Of bytes that do not compress: a frame may claim no more than a hundred times its length.
    var generator = SeededGenerator(seed: 3)
    table.rest = SafetensorsBuilder.littleEndian((0..<2 * count).map { _ in generator.next() })
    let error = #expect(throws: FormatError.self) {
      try Self.parse(IndexTable.index(table.bytes))
    }
    #expect(error?.description.contains("more tensors than the 1000000") == true)
  }

  // MARK: Sound tables

  @Test func `a table is read field by field`() throws {
    let index = try Self.parse(IndexTable.index(IndexTable().bytes))
    #expect(
      index.tensors == [
        .init(
          name: "a", elementType: .bfloat16, shape: [2, 300],
          baseDigest: Digest32(value: 0xBABA_BABA),
          change: .init(
            elementCount: 7, resultDigest: Digest32(value: 0xCACA_CACA),
            byteRange: 0..<5)),
        .init(
          name: "βb", elementType: .int64, shape: [],
          baseDigest: Digest32(value: 0xBBBB_BBBB), change: nil),
      ])
    #expect(
      index.metadataDigest == Digest128(high: 0x100F_0E0D_0C0B_0A09, low: 0x0807_0605_0403_0201))
    #expect(
      index.deltasDigest == Digest128(high: 0x201F_1E1D_1C1B_1A19, low: 0x1817_1615_1413_1211))
  }

  @Test func `the worked example of the specification is such a table`() throws {
    let lines = try Fixtures.example("hex", in: "patch.md").split(separator: "\n")
    let bytes = lines.flatMap { line in
      line.prefix { $0 != "#" }.split(separator: " ").compactMap { UInt8($0, radix: 16) }
    }
    #expect(bytes == IndexTable().bytes)
    #expect(try Self.parse(IndexTable.index(bytes)).tensors.count == 2)
  }

  @Test(arguments: 1...30 as ClosedRange<UInt64>)
  func `what is written is read again`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var end = 0
    let tensors = (0..<Int.random(in: 0..<20, using: &generator)).map { position in
      let shape = (0..<Int.random(in: 0..<4, using: &generator)).map { _ in
        Int.random(in: 0..<300, using: &generator)
      }
      let fitting = ElementType.allCases.filter { $0.byteCount(of: shape) != nil }
      let type = fitting.randomElement(using: &generator) ?? .bool
      let count = shape.reduce(1, *)
      var change: PatchIndex.Change?
      if count > 0, Bool.random(using: &generator) {
        let byteCount = Int.random(in: 1..<40000, using: &generator)
        change = .init(
          elementCount: Int.random(in: 1...count, using: &generator),
          resultDigest: Digest32(value: UInt32(truncatingIfNeeded: generator.next())),
          byteRange: end..<end + byteCount)
        end += byteCount
      }
      var kept: PatchIndex.KeptRows?
      if shape.count == 2, shape[0] > 1, type.storage == .bits(16) {
        let first = Int.random(in: 0..<shape[0] - 1, using: &generator)
        let changedCount = min(change?.elementCount ?? 0, shape[1])
        let digest = Digest32(value: UInt32(truncatingIfNeeded: generator.next()))
        kept = .init(
          rows: first..<first + 1, baseDigest: digest,
          resultDigest: changedCount > 0
            ? Digest32(value: UInt32(truncatingIfNeeded: generator.next())) : digest,
          changedCount: changedCount)
      }
      return PatchIndex.Tensor(
        name: String(repeating: "ñ", count: position) + "\(position)", elementType: type,
        shape: shape, baseDigest: Digest32(value: UInt32(truncatingIfNeeded: generator.next())),
        change: change, kept: kept)
    }
    let index = PatchIndex(
      tensors: tensors, metadataDigest: Digest128(high: generator.next(), low: generator.next()),
      deltasDigest: Digest128(high: generator.next(), low: generator.next()))
    #expect(try Self.parse(index.encoded(), deltasByteCount: end) == index)
  }

  @Test func `a table of no tensors is read`() throws {
    let table = Array(repeating: UInt8(0), count: 33)
    #expect(try Self.parse(IndexTable.index(table), deltasByteCount: 0).tensors.isEmpty)
  }

  // MARK: Damaged tables

  @Test(arguments: 0..<IndexTable().bytes.count)
  func `a table cut off anywhere is an error at the field that is cut`(length: Int) throws {
    let error = try refusal(Array(IndexTable().bytes.prefix(length)))
    #expect(error.offset <= length)
    #expect(!"\(error.reason)".isEmpty)
  }

  @Test(arguments: 0..<IndexTable.index(IndexTable().bytes).count)
  func `an index cut off anywhere is an error`(length: Int) throws {
    let bytes = Array(IndexTable.index(IndexTable().bytes).prefix(length))
    #expect(throws: FormatError.self) { try Self.parse(bytes) }
  }

  /// Row 1 of tensor 0, with a digest of its own, of which 7 elements change.
  static let keptRow: [UInt8] =
    [1, 0, 1, 1] + Array(repeating: 0xBC, count: 4) + [7] + Array(repeating: 0xCB, count: 4)

  @Test func `kept rows are read`() throws {
    var table = IndexTable()
    table.rest = Self.keptRow
    let tensor = try #require(Self.parse(IndexTable.index(table.bytes)).tensors.first)
    #expect(
      tensor.kept
        == .init(
          rows: 1..<2, baseDigest: Digest32(value: 0xBCBC_BCBC),
          resultDigest: Digest32(value: 0xCBCB_CBCB), changedCount: 7))
    #expect(tensor.chunks.count == 2 && tensor.chunks.keptIndices == 1..<2)
    for count in 1..<Self.keptRow.count {
      table.rest = Array(Self.keptRow.prefix(count))
      _ = try refusal(table.bytes)
    }
  }

  static let wrongFields: [(edit: @Sendable (inout IndexTable) -> Void, message: String)] = [
    ({ $0.rest = [0] }, "the patch's index claims 0 tensors with kept rows"),
    ({ $0.rest = [3] }, "the patch's index claims 3 tensors with kept rows"),
    ({ $0.rest = [1, 2, 0, 1] }, "the patch's index keeps rows of tensor number 2"),
    ({ $0.rest = keptRow + [0] }, "the patch's index goes on after its end"),
    (
      { $0.rest = [2] + keptRow[1...] + keptRow[1...] },
      "the patch's index keeps rows of tensor number 0"
    ),
    (
      { $0.rest = [1, 0, 0, 2] }, "tensor 'a' of shape [2, 300] claims 2 kept rows after 0"
    ),
    ({ $0.rest = [1, 0, 1, 0] }, "tensor 'a' of shape [2, 300] claims 0 kept rows after 1"),
    ({ $0.rest = [1, 0, 2, 1] }, "tensor 'a' of shape [2, 300] claims 1 kept rows after 2"),
    ({ $0.rest = [1, 1, 0, 1] }, "tensor 'βb' of shape [] claims 1 kept rows after 0"),
    (
      { $0.rest = Array(keptRow.prefix(8)) + [8] }, "tensor 'a' claims 8 changes in its kept rows"
    ),
    ({ $0.count = [0xFF, 0x7F] }, "the patch's index claims 16383 tensors"),
    ({ $0.count = [0x82, 0x00] }, "an integer is padded with zero bits"),
    ({ $0.count = Array(repeating: 0xFF, count: 9) }, "an integer is longer than 63 bits"),
    (
      { $0.count = Array(repeating: 0xFF, count: 8) + [0x7F] },
      "the patch's index claims \(Int.max) tensors"
    ),
    ({ $0.names = [UInt8(ascii: "a")] + [0xFF, 0xFE, 0xFD] }, "a name is not UTF-8"),
    (
      {
        $0.nameLengths = [2, 2]
        $0.names = Array("abab".utf8)
      }, "the patch's index names 'ab' twice"
    ),
    ({ $0.types[0] = 50 }, "tensor 'a' has the unknown type 50"),
    ({ $0.ranks[0] = 100 }, "tensor 'a' claims 100 dimensions"),
    (
      { $0.dimensions = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 2] },
      "tensor 'a': shape [\(1 << 62), 2] overflows"
    ),
    (
      {
        $0.changed[0] = 0x80; $0.changed.insert(0x10, at: 1)
      }, "tensor 'a' claims 2048 changes in 600 elements"
    ),
    ({ $0.changed[1] = 2 }, "tensor 'βb' claims 2 changes in 1 elements"),
    ({ $0.byteCounts[0] = 6 }, "tensor 'a' ends past the patch's deltas"),
    ({ $0.byteCounts[0] = 4 }, "1 bytes of the patch's deltas belong to no tensor"),
    (
      { $0.byteCounts = Array(repeating: 0xFF, count: 8) + [0x7F] },
      "tensor 'a' ends past the patch's deltas"
    ),
  ]

  @Test(arguments: wrongFields.indices)
  func `one wrong field is named`(position: Int) throws {
    var table = IndexTable()
    let (edit, message) = Self.wrongFields[position]
    edit(&table)
    #expect("\(try refusal(table.bytes).reason)" == message)
  }

  @Test func `dimensions that overflow are an error though one of them is 0`() throws {
    var table = IndexTable()
    table.ranks = [3, 0]
    table.dimensions = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40, 2, 0]
    #expect("\(try refusal(table.bytes).reason)".hasSuffix("overflows"))
  }

  @Test func `a huge table is refused before it is unpacked`() throws {
    let zeros = [UInt8](repeating: 0, count: 2 << 20)
    let frame = Zstd.compress(zeros.rawSpan, level: 19)
    #expect(frame.count < 1000)
    let error = try #require(throws: FormatError.self) {
      try Self.parse(IndexTable.index(frame: frame))
    }
    #expect("\(error.reason)".hasPrefix("the patch's index claims to be larger than "))
  }

  @Test func `a table with the digests of an earlier development version is refused by name`()
    throws
  {
    var table = IndexTable()
    table.baseDigests = Array(repeating: 0xBA, count: 16)
    table.resultDigests = Array(repeating: 0xCA, count: 8)
    let error = try refusal(table.bytes)
    #expect("\(error.reason)".contains("development version"))
  }

  @Test func `a table of millions of tensors without bytes is refused at its count`() throws {
    // A tensor takes 8 bytes at least, so a table cannot claim one for every byte.
    var table = Array(repeating: UInt8(0), count: 32)
    table.appendVariableLength(1000)
    table += Array(repeating: 0, count: 8 * 1000 - 1)
    let error = try refusal(table)
    #expect("\(error.reason)" == "the patch's index claims 1000 tensors")
  }

  @Test(arguments: 1...300 as ClosedRange<UInt64>)
  func `random damage with a sound digest never traps`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    var table = IndexTable().bytes
    for _ in 0...Int.random(in: 0..<3, using: &generator) {
      table[Int.random(in: 32..<table.count, using: &generator)] =
        [0, 1, 0x7F, 0x80, 0xFF].randomElement(using: &generator) ?? 0
    }
    _ = try? Self.parse(IndexTable.index(table))
  }

  // MARK: Parts

  private func refusal(_ table: [UInt8]) throws -> FormatError {
    try #require(throws: FormatError.self) { try Self.parse(IndexTable.index(table)) }
  }

  private static func parse(
    _ bytes: [UInt8], deltasByteCount: Int = IndexTable.deltasByteCount
  ) throws -> PatchIndex {
    try PatchIndex(parsing: bytes.rawSpan, deltasByteCount: deltasByteCount)
  }
}
