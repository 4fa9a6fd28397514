internal import ByteIO
package import Checkpoints

/// What one GRADIEND adds to one tensor of the base, in the order of its parameter.
package struct UpdateTerm: Sendable {
  package let output: DecoderOutput
  package let coverage: GradiendCheckpoint.Coverage
  /// The tensor's first element, in the parameter's order.
  package let firstElement: Int

  package init(
    _ output: DecoderOutput, _ coverage: GradiendCheckpoint.Coverage, firstElement: Int = 0
  ) {
    self.output = output
    self.coverage = coverage
    self.firstElement = firstElement
  }

  fileprivate var latentCount: Int { output.gradiend.configuration.latentCount }
}

/// What is added to one tensor of the base: the sum of terms.
package struct TensorUpdate: Sendable {
  package let terms: [UpdateTerm]
  private let storage: FloatStorage

  /// - Returns: nil if an update cannot be added to elements of `type`.
  package init?(_ terms: [UpdateTerm], type: ElementType) {
    precondition(!terms.isEmpty)
    guard let storage = FloatStorage(type) else { return nil }
    self.terms = terms
    self.storage = storage
  }

  /// The update of one term.
  package init?(
    _ output: DecoderOutput, _ coverage: GradiendCheckpoint.Coverage, type: ElementType
  ) {
    self.init([UpdateTerm(output, coverage)], type: type)
  }

  /// Adds the update to the elements from `first` on, as ``add(_:to:into:)`` does.
  package func add(
    fromElement first: Int, to base: RawSpan, into result: inout MutableRawSpan
  ) {
    add([(first, base.byteCount / storage.byteWidth)], to: base, into: &result)
  }

  /// Adds the update to runs of elements: the terms to each other in single precision, from the first
  /// to the last, and their sum to the base.
  ///
  /// Elements that a term does not select get a zero from it, with the sign of its learning rate: the
  /// reference adds whole tensors, and -0 + 0 is +0.
  ///
  /// - Parameters:
  ///   - runs: of the tensor's elements, in the order of the parameter.
  ///   - base: the elements to add to, one run after the other, and no others.
  ///   - result: as long as `base`.
  ///   - isMeasured: whether to compare what was added with the sum of the terms.
  /// - Returns: that comparison, empty unless `isMeasured`.
  /// - Complexity: O(elements · latents of all terms), with a few blocks of memory.
  @discardableResult
  package func add(
    _ runs: [(first: Int, count: Int)], to base: RawSpan, into result: inout MutableRawSpan,
    isMeasured: Bool = false
  ) -> RoundingSums {
    precondition(base.byteCount == result.byteCount)
    precondition(base.byteCount == runs.reduce(0) { $0 + $1.count } * storage.byteWidth)
    var room = TermRoom(terms)
    var sums = RoundingSums()
    var done = 0
    for (first, count) in runs {
      var walks = terms.map { TermWalk($0, from: first) }
      for start in stride(from: 0, to: count, by: room.blockLength) {
        let length = min(room.blockLength, count - start)
        let elements = first + start..<first + start + length
        for index in walks.indices {
          walks[index].compute(elements, in: &room, isLast: start + length == count)
          room.addTerm(isFirst: index == 0, count: length)
        }
        storage.add(
          room.sum.span.extracting(first: length), to: base, into: &result,
          at: (done + start) * storage.byteWidth)
        if isMeasured {
          sums = sums.adding(
            room.measure(
              base, result.bytes, storage, at: (done + start) * storage.byteWidth, count: length))
        }
      }
      done += count
    }
    return sums
  }
}

/// What a block of elements is computed in.
private struct TermRoom {
  /// How many elements are computed at a time.
  let blockLength: Int
  /// How many weights of a term are worked on before the memory of their file is given back.
  let residentLimit: Int
  /// The block of one term.
  var term: [Float]
  /// The sum of the terms so far.
  private(set) var sum: [Float]
  var entries: [Float]
  /// The elements before and after, to be compared.
  private var before: [Float]
  private var after: [Float]
  var scratch: [Float]

  /// Room for a block of all of these, one after the other.
  init(_ terms: [UpdateTerm]) {
    let latentCount = terms.map(\.latentCount).max() ?? 1
    residentLimit = (1 << 21) / terms.count
    blockLength = max(1, min(DecoderOutput.blockLength, residentLimit / latentCount))
    term = [Float](repeating: 0, count: blockLength)
    sum = term
    entries = term
    (before, after) = (term, term)
    scratch = [Float](
      repeating: 0, count: DecoderOutput.scratchLength(latentCount: latentCount))
  }

  /// Compares what was added to a block of elements with the sum.
  mutating func measure(
    _ base: RawSpan, _ result: RawSpan, _ storage: FloatStorage, at offset: Int, count: Int
  ) -> RoundingSums {
    var span = before.mutableSpan
    storage.widen(base, at: offset, count: count, into: &span)
    span = after.mutableSpan
    storage.widen(result, at: offset, count: count, into: &span)
    return RoundingSums(
      meant: sum.span.extracting(first: count), before: before.span.extracting(first: count),
      after: after.span.extracting(first: count))
  }

  mutating func addTerm(isFirst: Bool, count: Int) {
    guard !isFirst else { return swap(&sum, &term) }
    unsafe sum.withUnsafeMutableBufferPointer { sums in
      unsafe term.withUnsafeBufferPointer { summands in
        guard let to = sums.baseAddress, let from = summands.baseAddress else { return }
        unsafe Kernels.current.add(from, to, count)
      }
    }
  }
}

/// Computes the elements of a term, block after block of one run.
private struct TermWalk {
  private let term: UpdateTerm
  private var walk: EntryWalk
  /// The position up to which the memory of the weights was given back.
  private var released: Int

  /// Begins at the element `first` of the tensor, in the order of the parameter.
  init(_ term: UpdateTerm, from first: Int) {
    self.term = term
    walk = EntryWalk(term.coverage, from: term.firstElement + first)
    released = walk.position
  }

  /// Puts the elements into the room's `term`.
  ///
  /// - Parameters:
  ///   - elements: of the tensor; they follow those of the call before.
  ///   - room: where there is room for as many.
  ///   - isLast: whether no more of the run follow.
  mutating func compute(_ elements: Range<Int>, in room: inout TermRoom, isLast: Bool) {
    let coverage = term.coverage
    let first = term.firstElement + elements.lowerBound
    let own = first..<first + elements.count
    if coverage.isComplete {
      compute(
        from: coverage.entries.lowerBound + first, count: own.count, into: &room.term,
        &room.scratch)
    } else {
      scatter(own, in: &room)
    }
    let position = coverage.isComplete ? own.upperBound : walk.position
    if isLast || (position - released) * term.latentCount >= room.residentLimit {
      let entry = coverage.entries.lowerBound
      term.output.releasePages(of: entry + released..<entry + position)
      released = position
    }
  }

  private func compute(
    from entry: Int, count: Int, into values: inout [Float], _ scratch: inout [Float]
  ) {
    var span = values.mutableSpan
    var scratch = scratch.mutableSpan
    term.output.compute(count, from: entry, into: &span, scratch: &scratch)
  }

  /// Puts the entries of the selected elements in `elements` at their places, zeros elsewhere.
  private mutating func scatter(_ elements: Range<Int>, in room: inout TermRoom) {
    let zero = term.output.learningRate * 0
    for index in 0..<elements.count { room.term[index] = zero }
    let places = walk.next(elements)
    var done = 0
    while done < places.count {
      // Consecutive entries are computed together; only unsorted indices break them up.
      var end = done + 1
      while end < places.count, places[end].entry == places[end - 1].entry + 1 { end += 1 }
      compute(from: places[done].entry, count: end - done, into: &room.entries, &room.scratch)
      for index in done..<end {
        room.term[places[index].element - elements.lowerBound] = room.entries[index - done]
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
