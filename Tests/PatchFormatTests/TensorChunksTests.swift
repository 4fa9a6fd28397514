import Checkpoints
import PatchFormat
import Testing

@Suite struct TensorChunksTests {
  static let limit = TensorChunks.byteLimit

  static let shapes: [[Int]] = [
    [], [0], [1], [7], [3, 0], [0, 5], [2, 0, 3], [5, 1], [1, 5], [4, 3, 2],
    [limit], [limit + 1], [limit / 2], [limit / 2 + 1], [limit / 4 - 1, 2], [3, limit / 4],
    [3, limit / 4 + 1], [2, limit / 2 + 1], [3, limit + 5], [2, 3, limit / 8], [1000, 30001],
    [1, 2 * limit + 3],
  ]

  @Test(arguments: shapes, ElementType.allCases)
  func `chunks cut a tensor into consecutive pieces within the limit`(
    shape: [Int], type: ElementType
  ) {
    guard let byteCount = type.byteCount(of: shape) else { return }
    let chunks = TensorChunks(elementType: type, shape: shape)
    let width = chunks.elementByteWidth
    var end = 0
    for chunk in chunks {
      #expect(chunk.byteRange.lowerBound == end)
      #expect(chunk.firstElement * width == end)
      #expect(chunk.rows > 0 && chunk.columns > 0)
      #expect(chunk.rows * chunk.columns * width == chunk.byteRange.count)
      #expect(chunk.byteRange.count <= Self.limit)
      end = chunk.byteRange.upperBound
    }
    #expect(end == byteCount)
    switch type.storage {
    case .bits(let bits): #expect(width == max(1, bits / 8))
    case .blocks(let block): #expect(width == block.byteCount)
    }
  }

  @Test(arguments: shapes.filter { !$0.contains(0) })
  func `rows stay whole where one fits`(shape: [Int]) {
    let chunks = TensorChunks(elementType: .bfloat16, shape: shape)
    let columns = shape.last ?? 1
    let rows = shape.dropLast().reduce(1, *)
    if columns * 2 <= Self.limit {
      #expect(chunks.allSatisfy { $0.columns == columns })
      #expect(chunks.reduce(0) { $0 + $1.rows } == rows)
      #expect(chunks.dropLast().allSatisfy { $0.rows == Self.limit / (2 * columns) })
    } else {
      #expect(chunks.allSatisfy { $0.rows == 1 })
      #expect(chunks.dropLast().allSatisfy { $0.columns == Self.limit / 2 })
    }
  }

  @Test(
    arguments: [(2..<34, 34), (0..<40, 48), (3..<7, 9), (4100..<9000, 9000)], [16, 1024, limit])
  func `kept rows are cut as a tensor of their own is`(
    table: (kept: Range<Int>, count: Int), columns: Int
  ) {
    let chunks = TensorChunks(
      elementType: .bfloat16, shape: [table.count, columns], keptRows: table.kept)
    var end = 0
    for chunk in chunks {
      #expect(chunk.byteRange.lowerBound == end && !chunk.byteRange.isEmpty)
      end = chunk.byteRange.upperBound
    }
    #expect(end == 2 * table.count * columns)
    let start = 2 * table.kept.lowerBound * columns
    let alone = TensorChunks(elementType: .bfloat16, shape: [table.kept.count, columns])
    #expect(
      chunks[chunks.keptIndices].map { $0.byteRange.lowerBound - start }
        == alone.map(\.byteRange.lowerBound))
    #expect(
      chunks[chunks.keptIndices].map { [$0.rows, $0.columns] }
        == alone.map { [$0.rows, $0.columns] })
  }

  @Test func `a scalar is one chunk, and a tensor without elements none`() {
    let scalar = TensorChunks(elementType: .float32, shape: [])
    #expect(scalar.map(\.byteRange) == [0..<4])
    #expect(TensorChunks(elementType: .float32, shape: [3, 0]).isEmpty)
    #expect(TensorChunks(elementType: .float4, shape: [0, 3]).isEmpty)
  }

  @Test func `elements of less than a byte are taken as bytes in one row`() {
    let chunks = TensorChunks(elementType: .float4, shape: [6, 4])
    #expect(chunks.count == 1)
    #expect(chunks[0].rows == 1 && chunks[0].columns == 12)
    #expect(TensorChunks(elementType: .float6E2M3, shape: [2, 4])[0].columns == 6)
  }
}
