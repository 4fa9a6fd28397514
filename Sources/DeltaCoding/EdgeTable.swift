/// Which bytes of 8-bit floats lie at the edge of a binade, and their neighbours across it.
struct EdgeTable: Sendable {
  /// By byte: the neighbour across the edge; the byte itself at none.
  private(set) var neighbours = (0...255).map { UInt8($0) }
  /// Edges are below this.
  let edgeCount: Int
  private let mantissaBitCount: UInt16

  init(_ format: FloatFormat) {
    let layout = FloatLayout(format)
    edgeCount = layout.exponentCount
    mantissaBitCount = UInt16(layout.mantissaBitCount)
    for edge in 1..<edgeCount {
      for sign in [0, 0x80] {
        let upper = edge << layout.mantissaBitCount | sign
        neighbours[upper] = UInt8(upper - 1)
        neighbours[upper - 1] = UInt8(upper)
      }
    }
  }

  /// 64 times the edge that a byte is at: the exponent above it, 0 for none. Without a table, so that
  /// compilers make vectors of it.
  @inline(__always)
  func place(_ byte: UInt8) -> UInt16 {
    // Of both neighbours, this is the upper one or the next after it.
    let above = UInt16(byte & 0x7F) &+ 1
    let isAtEdge = above & ((1 &<< mantissaBitCount) &- 1) < 2
    let edge = above &>> mantissaBitCount & UInt16(truncatingIfNeeded: edgeCount &- 1)
    return isAtEdge ? edge << 6 : 0
  }
}
