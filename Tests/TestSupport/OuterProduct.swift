/// A BF16 tensor before and after an update in which some rows and some columns change far more
/// often than others, up or down by the signs of both.
package struct OuterProduct: Sendable {
  package let shape: [Int]
  package let base: [UInt8]
  package let result: [UInt8]

  /// The generator's own words are used, so that it is the same for ever.
  package init(rows: Int, columns: Int, seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let isHot = (0..<rows + columns).map { _ in generator.next() % 16 == 0 }
    let rises = (0..<rows + columns).map { _ in generator.next() % 2 == 0 }
    var base = [UInt16](repeating: 0, count: rows * columns)
    for index in base.indices {
      // Of either sign, from 2^-9 to 2^-5.
      base[index] = 0x3B00 + UInt16(truncatingIfNeeded: generator.next()) & 0x81FF
    }
    var result = base
    for row in 0..<rows {
      for column in 0..<columns {
        let index = row * columns + column
        let odds: UInt64 = isHot[row] && isHot[rows + column] ? 2 : 16384
        guard generator.next() % odds == 0 else { continue }
        let isUp = (rises[row] == rises[rows + column]) == (base[index] < 0x8000)
        result[index] = isUp ? base[index] + 1 : base[index] - 1
      }
    }
    shape = [rows, columns]
    self.base = SafetensorsBuilder.littleEndian(base)
    self.result = SafetensorsBuilder.littleEndian(result)
  }
}
