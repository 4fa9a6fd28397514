/// Scratch memory of the coding loops, whose indices are checked by ``checkIndex(_:)`` only.
///
/// Bounds checks would double the time of a loop that does a handful of instructions an element.
/// Every index is either masked to the buffer's size or a position inside the chunk. The bytes that
/// it comes from are a copy of the caller's: what one pass counted holds for the next.
@safe
struct UncheckedBuffer<Element: BitwiseCopyable>: ~Copyable {
  let count: Int
  private let start: UnsafeMutablePointer<Element>

  init(repeating value: Element, count: Int) {
    self.count = count
    unsafe start = .allocate(capacity: max(count, 1))
    unsafe start.initialize(repeating: value, count: count)
  }

  /// The same memory, for a loop that keeps it in a register.
  var pointer: UnsafeMutablePointer<Element> { unsafe start }

  subscript(index: Int) -> Element {
    @inline(__always) get {
      checkIndex(index >= 0 && index < count)
      return unsafe start[index]
    }
    @inline(__always) nonmutating set {
      checkIndex(index >= 0 && index < count)
      unsafe start[index] = newValue
    }
  }

  /// Copies `count` elements of `source` from `first` on to `index` and what follows.
  func copy(_ source: [Element], from first: Int, count: Int, to index: Int) {
    precondition(first >= 0 && count >= 0 && first + count <= source.count)
    precondition(index >= 0 && index + count <= self.count)
    unsafe source.withUnsafeBufferPointer { source in
      guard let elements = source.baseAddress else { return }
      unsafe (start + index).update(from: elements + first, count: count)
    }
  }

  deinit {
    unsafe start.deallocate()
  }
}

extension UncheckedBuffer where Element: FixedWidthInteger {
  /// Adds `value`, wrapping round, to the element at `index`.
  ///
  /// `&+=` on the subscript says the same, but Swift 6.3 cannot compile it for ThreadSanitizer.
  @inline(__always)
  func add(_ value: Element, at index: Int) {
    self[index] = self[index] &+ value
  }
}

/// Ends the process unless `condition` holds, in debug builds and in those with `-DCHECK_INDICES`.
///
/// The latter are for optimised builds that look for faults: Swift 6.3 cannot compile this module
/// with `-O` and assertions.
@inline(__always)
func checkIndex(_ condition: @autoclosure () -> Bool) {
  #if CHECK_INDICES
    precondition(condition(), "an index lies in its buffer")
  #else
    assert(condition(), "an index lies in its buffer")
  #endif
}
