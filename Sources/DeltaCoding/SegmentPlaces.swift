/// Where the weights of a segment's elements lie in a table of weights, but for the row's level.
///
/// A change in a row alters the level of its own column only, so places stay right for the columns
/// behind it. Most elements do not change: they are passed in strides, with one comparison for all.
struct SegmentPlaces: ~Copyable {
  private let places = UncheckedBuffer<UInt16>(repeating: 0, count: Levels.segment)

  /// How many elements a stride has.
  static let strideLength = 8

  /// Takes the places of `count` elements, at most a segment of them; `place` says what the bits of one
  /// add to its column's level.
  @inline(__always)
  func fill<Word: FixedWidthInteger & UnsignedInteger>(
    _ elements: UnsafePointer<Word>, levels: UnsafePointer<UInt8>, count: Int,
    _ place: (Word) -> UInt16
  ) {
    checkIndex(count <= places.count)
    let places = unsafe places.pointer
    for index in 0..<count {
      unsafe places[index] = place(elements[index]) &+ UInt16(levels[index])
    }
  }

  /// For loops that keep it in a register, perhaps counted from the start of the row: only what lies in the
  /// segment may be looked at.
  var pointer: UnsafePointer<UInt16> { unsafe UnsafePointer(places.pointer) }

  /// What the elements of the stride at `places` weigh together. Even eight likely ones do not overflow.
  @inline(__always)
  static func strideSum(_ weights: UnsafePointer<Int64>, _ places: UnsafePointer<UInt16>) -> Int64 {
    unsafe (weights[Int(places[0])] &+ weights[Int(places[1])])
      &+ (weights[Int(places[2])] &+ weights[Int(places[3])])
      &+ (weights[Int(places[4])] &+ weights[Int(places[5])])
      &+ (weights[Int(places[6])] &+ weights[Int(places[7])])
  }

  /// Whether two strides differ.
  @inline(__always)
  static func stridesDiffer<Word: FixedWidthInteger & UnsignedInteger>(
    _ one: UnsafePointer<Word>, _ other: UnsafePointer<Word>
  ) -> Bool {
    let one = unsafe UnsafeRawPointer(one)
    let other = unsafe UnsafeRawPointer(other)
    var differences: UInt64 = 0
    for part in 0..<(strideLength * Word.bitWidth / UInt64.bitWidth) {
      differences |=
        unsafe one.loadUnaligned(fromByteOffset: 8 * part, as: UInt64.self)
        ^ other.loadUnaligned(fromByteOffset: 8 * part, as: UInt64.self)
    }
    return differences != 0
  }

  /// The first column that changes or is looked at, or else the end; adds what those before weigh.
  ///
  /// A loop of its own, as there are too few registers for more at once.
  @inline(__always)
  static func firstNotable<Word: FixedWidthInteger & UnsignedInteger>(
    _ base: UnsafePointer<Word>, _ result: UnsafePointer<Word>,
    weights: UnsafePointer<Int64>, places: UnsafePointer<UInt16>, in columns: Range<Int>,
    passed: inout Int64, _ trust: inout StrideTrust
  ) -> Int {
    var sum: Int64 = 0
    defer { passed &+= sum }
    var column = columns.lowerBound
    while column < columns.upperBound {
      let singles = trust.passStrides(in: column..<columns.upperBound) { start in
        let stride = unsafe strideSum(weights, places + start)
        guard stride < GapModel.likelyWeight,
          unsafe !stridesDiffer(base + start, result + start)
        else { return false }
        sum &+= stride
        return true
      }
      column = singles.lowerBound
      while column < singles.upperBound {
        let weight = unsafe weights[Int(places[column])]
        guard unsafe base[column] == result[column], weight != GapModel.likelyWeight else {
          return column
        }
        sum &+= weight
        column &+= 1
      }
    }
    return column
  }
}

/// How well strides have gone of late: where changes are many, they fail too often to be worth trying.
struct StrideTrust {
  private var value = 8

  /// Tries again with each segment.
  @inline(__always)
  mutating func startSegment() { value = max(value, 2) }

  /// Passes one stride after the other while `passes` says of where one begins that it can be passed.
  ///
  /// - Returns: what is to be looked at element by element, before strides are tried again.
  @inline(__always)
  mutating func passStrides(in elements: Range<Int>, _ passes: (Int) -> Bool) -> Range<Int> {
    var start = elements.lowerBound
    var next = start &+ SegmentPlaces.strideLength
    while value > 0, next <= elements.upperBound {
      guard passes(start) else {
        value &-= 3
        break
      }
      value = min(value &+ 1, 8)
      start = next
      next &+= SegmentPlaces.strideLength
    }
    let end = value > 0 ? min(next, elements.upperBound) : elements.upperBound
    return unsafe Range(uncheckedBounds: (start, end))
  }
}
