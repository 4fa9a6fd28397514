/// Scratch memory of the coding loops, whose indices are checked in debug builds only.
///
/// Bounds checks would double the time of a loop that does a handful of instructions an element.
/// Every index is either masked to the buffer's size or a position inside the chunk.
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
      assert(index >= 0 && index < count)
      return unsafe start[index]
    }
    @inline(__always) nonmutating set {
      assert(index >= 0 && index < count)
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
