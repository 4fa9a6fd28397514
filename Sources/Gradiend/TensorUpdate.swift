internal import ByteIO
package import Checkpoints

/// What a GRADIEND adds to one tensor of the base.
package struct TensorUpdate: Sendable {
  package let output: DecoderOutput
  package let coverage: GradiendCheckpoint.Coverage
  let storage: FloatStorage

  /// - Returns: nil if an update cannot be added to elements of `type`.
  package init?(
    _ output: DecoderOutput, _ coverage: GradiendCheckpoint.Coverage, type: ElementType
  ) {
    guard let storage = FloatStorage(type) else { return nil }
    self.init(output, coverage, storage: storage)
  }

  package init(
    _ output: DecoderOutput, _ coverage: GradiendCheckpoint.Coverage, storage: FloatStorage
  ) {
    self.output = output
    self.coverage = coverage
    self.storage = storage
  }

  /// Adds the update to the elements from `first` on, as ``add(_:to:into:)`` does.
  package func add(
    fromElement first: Int, to base: RawSpan, into result: inout MutableRawSpan
  ) {
    add([(first, base.byteCount / storage.byteWidth)], to: base, into: &result)
  }

  /// Adds the update to runs of elements.
  ///
  /// Elements that are not selected get a zero added, with the sign of the learning rate: the
  /// reference adds whole tensors, and -0 + 0 is +0.
  ///
  /// - Parameters:
  ///   - runs: of the parameter's elements, row-major.
  ///   - base: the elements to add to, one run after the other, and no others.
  ///   - result: as long as `base`.
  /// - Complexity: O(elements · latents), with a few blocks of memory.
  package func add(
    _ runs: [(first: Int, count: Int)], to base: RawSpan, into result: inout MutableRawSpan
  ) {
    precondition(base.byteCount == result.byteCount)
    precondition(base.byteCount == runs.reduce(0) { $0 + $1.count } * storage.byteWidth)
    let latentCount = output.gradiend.configuration.latentCount
    let blockLength = max(1, min(DecoderOutput.blockLength, Self.residentLimit / latentCount))
    var scratch = [Float](
      repeating: 0, count: DecoderOutput.scratchLength(latentCount: latentCount))
    var entries = [Float](repeating: 0, count: blockLength)
    var update = [Float](repeating: 0, count: blockLength)
    var done = 0
    for (first, count) in runs {
      var walk = EntryWalk(coverage, from: first)
      var released = walk.position
      for start in stride(from: 0, to: count, by: blockLength) {
        let length = min(blockLength, count - start)
        let elements = first + start..<first + start + length
        var scratchSpan = scratch.mutableSpan
        if coverage.isComplete {
          compute(
            from: coverage.entries.lowerBound + elements.lowerBound, count: length, into: &update,
            &scratchSpan)
        } else {
          scatter(&walk, elements, into: &update, &entries, &scratchSpan)
        }
        storage.add(
          update.span.extracting(first: length), to: base, into: &result,
          at: (done + start) * storage.byteWidth)
        let position = coverage.isComplete ? elements.upperBound : walk.position
        if start + length == count || (position - released) * latentCount >= Self.residentLimit {
          let entry = coverage.entries.lowerBound
          output.releasePages(of: entry + released..<entry + position)
          released = position
        }
      }
      done += count
    }
  }

  /// How many of the GRADIEND's weights are worked on before the memory of their file is given back.
  private static let residentLimit = 1 << 21

  private func compute(
    from entry: Int, count: Int, into values: inout [Float], _ scratch: inout MutableSpan<Float>
  ) {
    var span = values.mutableSpan
    output.compute(count, from: entry, into: &span, scratch: &scratch)
  }

  /// Puts the entries of the selected elements in `elements` at their places, zeros elsewhere.
  private func scatter(
    _ walk: inout EntryWalk, _ elements: Range<Int>, into update: inout [Float],
    _ entries: inout [Float], _ scratch: inout MutableSpan<Float>
  ) {
    let zero = output.learningRate * 0
    for index in 0..<elements.count { update[index] = zero }
    let places = walk.next(elements)
    var done = 0
    while done < places.count {
      // Consecutive entries are computed together; only unsorted indices break them up.
      var end = done + 1
      while end < places.count, places[end].entry == places[end - 1].entry + 1 { end += 1 }
      compute(from: places[done].entry, count: end - done, into: &entries, &scratch)
      for index in done..<end {
        update[places[index].element - elements.lowerBound] = entries[index - done]
      }
      done = end
    }
  }
}

/// Walks the selected elements of a parameter in ascending order.
///
/// Masks and indices were checked, but their files may change: elements and entries stay in their
/// ranges whatever is there now.
private struct EntryWalk {
  private let coverage: GradiendCheckpoint.Coverage
  /// The next selected element's position among the selected ones.
  private(set) var position: Int

  init(_ coverage: GradiendCheckpoint.Coverage, from element: Int) {
    self.coverage = coverage
    switch coverage.selection {
    case .all: position = element
    case .mask(let file, let byteRange, let firstEntries, let stride):
      let block = element / stride
      let mask = file.bytes.extracting(byteRange)
      position =
        block < firstEntries.count
        ? min(
          firstEntries[block] + Selection.selectedCount(mask, block * stride..<element),
          coverage.entries.count)
        : coverage.entries.count
    case .indices(let indices, _): position = indices.position(of: element)
    }
  }

  /// The selected elements in `elements`, which must follow those of the call before.
  mutating func next(_ elements: Range<Int>) -> [(element: Int, entry: Int)] {
    var places: [(element: Int, entry: Int)] = []
    let first = coverage.entries.lowerBound
    switch coverage.selection {
    case .all:
      places = elements.map { ($0, first + $0) }
    case .mask(let file, let byteRange, _, _):
      let mask = file.bytes.extracting(byteRange)
      for element in elements
      where mask[byteAt: element] != 0 && position < coverage.entries.count {
        places.append((element, first + position))
        position += 1
      }
    case .indices(let indices, let entries):
      while position < indices.count {
        let element = indices[position]
        guard element < elements.upperBound else { break }
        if element >= elements.lowerBound {
          places.append((element, first + (entries.map { $0[position] } ?? position)))
        }
        position += 1
      }
    }
    return places
  }
}
