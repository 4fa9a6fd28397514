internal import Glibc

/// Threads of the system.
///
/// Those of Dispatch need descriptors of their own, and trap where no more files may be opened.
package enum Threads {
  fileprivate final class Work: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// Calls `body` on `count` threads at once, of which this is one, and returns once all calls have.
  ///
  /// They are fewer where the system gives no more.
  package static func run(_ count: Int, _ body: @Sendable () -> Void) {
    withoutActuallyEscaping(body) { run(count, Work($0)) }
  }

  private static func run(_ count: Int, _ work: Work) {
    let argument = unsafe Unmanaged.passUnretained(work).toOpaque()
    var threads: [pthread_t] = []
    while threads.count < count - 1, let thread = unsafe start(argument) { threads.append(thread) }
    work.body()
    for thread in threads { pthread_join(thread, nil) }
    withExtendedLifetime(work) {}
  }

  private static func start(_ argument: UnsafeMutableRawPointer) -> pthread_t? {
    var thread = pthread_t()
    let status = unsafe pthread_create(&thread, nil, { unsafe serve($0) }, argument)
    return status == 0 ? thread : nil
  }
}

private func serve(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument = unsafe argument else { return nil }
  unsafe Unmanaged<Threads.Work>.fromOpaque(argument).takeUnretainedValue().body()
  return nil
}
