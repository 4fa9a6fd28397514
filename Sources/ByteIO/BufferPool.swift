internal import Synchronization

/// Buffers that are used again and again: new memory comes in pages of zeros, which takes longer than most
/// of what is done with it.
package final class BufferPool: Sendable {
  @safe
  private final class Buffer: Sendable {
    nonisolated(unsafe) let memory: UnsafeMutableRawBufferPointer

    init(byteCount: Int) {
      unsafe memory = .allocate(byteCount: byteCount, alignment: 64)
    }

    deinit { unsafe memory.deallocate() }
  }

  private let free = Mutex<[Buffer]>([])

  package init() {}

  /// Calls `body` with a buffer, which holds anything.
  package func withBuffer<Result, Failure: Error>(
    byteCount: Int, _ body: (inout MutableRawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var buffer = free.withLock { $0.popLast() } ?? Buffer(byteCount: byteCount)
    if unsafe buffer.memory.count < byteCount { buffer = Buffer(byteCount: byteCount) }
    defer { free.withLock { [buffer] in $0.append(buffer) } }
    var bytes = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer.memory[..<byteCount])
      .mutableBytes
    return try body(&bytes)
  }
}
