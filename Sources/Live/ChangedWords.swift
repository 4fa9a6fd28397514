/// The words of a run of bytes in which two states of a tensor differ.
struct ChangedWords: Sendable {
  /// Position of the run in the tensor; whole words come before it.
  let firstByte: Int
  let wordByteCount: Int
  /// Counted in words from the start of the run, ascending.
  private(set) var positions: [UInt32] = []
  private(set) var from: [UInt8] = []
  private(set) var to: [UInt8] = []

  var isEmpty: Bool { positions.isEmpty }

  /// The same words, the other way.
  var reversed: ChangedWords {
    var words = self
    (words.from, words.to) = (to, from)
    return words
  }

  /// Where in the tensor each word is, counted in words.
  var indices: [Int64] {
    let first = Int64(firstByte / wordByteCount)
    return positions.map { first + Int64($0) }
  }

  init(firstByte: Int, wordByteCount: Int) {
    self.firstByte = firstByte
    self.wordByteCount = wordByteCount
  }

  // MARK: Gathering

  /// Adds the words in which two spans differ, that begin `offset` bytes into the run.
  ///
  /// - Complexity: O(bytes), eight at a time where they are the same.
  mutating func append(from old: RawSpan, to new: RawSpan, at offset: Int) {
    switch wordByteCount {
    case 8: append(UInt64.self, old, new, offset)
    case 4: append(UInt32.self, old, new, offset)
    case 2: append(UInt16.self, old, new, offset)
    default: append(UInt8.self, old, new, offset)
    }
  }

  /// Adds other words of the same run.
  mutating func append(_ other: ChangedWords) {
    positions += other.positions
    from += other.from
    to += other.to
  }

  private mutating func append<Word: FixedWidthInteger & BitwiseCopyable>(
    _: Word.Type, _ old: RawSpan, _ new: RawSpan, _ offset: Int
  ) {
    precondition(old.byteCount == new.byteCount)
    let width = MemoryLayout<Word>.size
    let first = offset / width
    unsafe old.withUnsafeBytes { old in
      unsafe new.withUnsafeBytes { new in
        for start in stride(from: 0, to: old.count, by: 8) {
          let end = min(start + 8, old.count)
          if end == start + 8 {
            let before = unsafe old.loadUnaligned(fromByteOffset: start, as: UInt64.self)
            let after = unsafe new.loadUnaligned(fromByteOffset: start, as: UInt64.self)
            guard before != after else { continue }
          }
          for byte in stride(from: start, to: end, by: width) {
            let before = unsafe old.loadUnaligned(fromByteOffset: byte, as: Word.self)
            let after = unsafe new.loadUnaligned(fromByteOffset: byte, as: Word.self)
            guard before != after else { continue }
            positions.append(UInt32(truncatingIfNeeded: first + byte / width))
            unsafe withUnsafeBytes(of: before) { unsafe from.append(contentsOf: $0) }
            unsafe withUnsafeBytes(of: after) { unsafe to.append(contentsOf: $0) }
          }
        }
      }
    }
  }

  /// Puts the words in ascending order, those that are there twice once.
  ///
  /// - Returns: false if a place is there twice with different words.
  mutating func sort() -> Bool {
    guard zip(positions, positions.dropFirst()).contains(where: { $0 >= $1 }) else { return true }
    let order = positions.indices.sorted { positions[$0] < positions[$1] }
    let unsorted = self
    (positions, from, to) = ([], [], [])
    func word(_ words: [UInt8], _ index: Int) -> ArraySlice<UInt8> {
      words[index * wordByteCount..<(index + 1) * wordByteCount]
    }
    for index in order {
      if positions.last == unsorted.positions[index] {
        guard to.suffix(wordByteCount) == word(unsorted.to, index) else { return false }
      } else {
        positions.append(unsorted.positions[index])
        from += word(unsorted.from, index)
        to += word(unsorted.to, index)
      }
    }
    return true
  }

  // MARK: Replacing

  /// Whether the run has the old words.
  func areOld(in run: RawSpan) -> Bool {
    switch wordByteCount {
    case 8: areOld(UInt64.self, run)
    case 4: areOld(UInt32.self, run)
    case 2: areOld(UInt16.self, run)
    default: areOld(UInt8.self, run)
    }
  }

  /// Puts the new words in place of the old ones, whatever is there.
  func replace(in run: inout MutableRawSpan) {
    switch wordByteCount {
    case 8: replace(UInt64.self, &run)
    case 4: replace(UInt32.self, &run)
    case 2: replace(UInt16.self, &run)
    default: replace(UInt8.self, &run)
    }
  }

  private func areOld<Word: FixedWidthInteger & BitwiseCopyable>(
    _: Word.Type, _ run: RawSpan
  ) -> Bool {
    let width = MemoryLayout<Word>.size
    precondition(reach(width) <= run.byteCount)
    return unsafe run.withUnsafeBytes { run in
      unsafe from.withUnsafeBytes { from in
        positions.indices.allSatisfy { index in
          let found = unsafe run.loadUnaligned(
            fromByteOffset: Int(positions[index]) * width, as: Word.self)
          return unsafe found == from.loadUnaligned(fromByteOffset: index * width, as: Word.self)
        }
      }
    }
  }

  private func replace<Word: FixedWidthInteger & BitwiseCopyable>(
    _: Word.Type, _ run: inout MutableRawSpan
  ) {
    let width = MemoryLayout<Word>.size
    precondition(reach(width) <= run.byteCount)
    unsafe run.withUnsafeMutableBytes { run in
      unsafe to.withUnsafeBytes { to in
        for (index, position) in positions.enumerated() {
          let new = unsafe to.loadUnaligned(fromByteOffset: index * width, as: Word.self)
          unsafe run.storeBytes(of: new, toByteOffset: Int(position) * width, as: Word.self)
        }
      }
    }
  }

  /// Where the last word ends; words are in ascending order.
  private func reach(_ width: Int) -> Int { positions.last.map { (Int($0) + 1) * width } ?? 0 }
}
