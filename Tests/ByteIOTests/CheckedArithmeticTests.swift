import ByteIO
import Testing

@Suite struct CheckedArithmeticTests {
  @Test func `a sum is there if it fits`() {
    #expect(Int.max.plus(0) == .max)
    #expect(Int.max.plus(1) == nil)
    #expect(Int.min.plus(-1) == nil)
  }

  @Test(
    arguments: [
      ([], 1), ([3, 5], 15), ([1 << 31, 1 << 31], 1 << 62), ([1 << 31, 1 << 32], nil),
      ([7, 0], 0), ([-1], nil), ([0, -1], nil),
    ] as [([Int], Int?)])
  func `a product is there if it fits and no factor is negative`(factors: [Int], product: Int?) {
    #expect(factors.checkedProduct == product)
  }

  @Test(arguments: [[0, 1 << 40, 1 << 40], [1 << 40, 0, 1 << 40], [1 << 40, 1 << 40, 0]])
  func `a zero hides no overflow, wherever it is`(factors: [Int]) {
    #expect(factors.checkedProduct == nil)
  }
}
