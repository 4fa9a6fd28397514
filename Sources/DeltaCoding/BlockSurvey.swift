/// What an encoder counts before it codes a chunk of blocks.
struct BlockSurvey {
  /// By plane and class, values and those of them that change.
  private(set) var counts: [[Int]]
  private(set) var hits: [[Int]]
  private(set) var changedBlockCount = 0
  private var changed: [Bool]

  /// - Precondition: Both pointers hold the shape's blocks.
  init(
    _ shape: ChunkShape, _ layout: BlockLayout, _ base: UnsafePointer<UInt8>,
    _ result: UnsafePointer<UInt8>
  ) {
    counts = Array(
      repeating: [Int](repeating: 0, count: BlockLayout.classCount),
      count: BlockLayout.planeCount)
    hits = counts
    changed = [Bool](repeating: false, count: shape.elementCount)
    for index in changed.indices {
      let start = index * layout.byteCount
      for offset in start..<start + layout.byteCount where unsafe base[offset] != result[offset] {
        changed[index] = true
        changedBlockCount += 1
        break
      }
    }
    guard changedBlockCount > 0 else { return }
    for plane in 0..<BlockLayout.planeCount {
      unsafe count(plane, layout, base, result)
    }
  }

  func changes(_ index: Int) -> Bool { changed[index] }

  private mutating func count(
    _ plane: Int, _ layout: BlockLayout, _ base: UnsafePointer<UInt8>,
    _ result: UnsafePointer<UInt8>
  ) {
    let places = layout.values(plane)
    guard !places.isEmpty else { return }
    let groupCount = layout.groupCount(plane)
    let groupSize = places.count / groupCount
    let classes = UncheckedBuffer<Int>(repeating: 0, count: groupCount)
    for index in changed.indices {
      let base = unsafe base + index * layout.byteCount
      let result = unsafe result + index * layout.byteCount
      unsafe layout.classify(plane, base: base, result: result, into: classes.pointer)
      for group in 0..<groupCount {
        let end = group + 1 < groupCount ? (group + 1) * groupSize : places.count
        counts[plane][classes[group]] += end - group * groupSize
        guard changed[index] else { continue }
        for place in group * groupSize..<end
        where unsafe places[place].read(base) != places[place].read(result) {
          hits[plane][classes[group]] += 1
        }
      }
    }
  }
}
