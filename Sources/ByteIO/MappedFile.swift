internal import Glibc
internal import Synchronization

/// A whole file, mapped read-only for as long as this object lives.
///
/// - Important: If another process truncates the file, touching the lost pages raises `SIGBUS`; see
///   ``Interruption``.
@safe
package final class MappedFile: Sendable {
  package let path: String
  package let identity: FileStatus.Identity
  private let status: FileStatus
  /// See ``FileStatus/permissions``.
  package let permissions: UInt32
  private nonisolated(unsafe) let region: UnsafeRawBufferPointer
  /// Whether the bytes are a copy, which no other process changes or takes away.
  private let isCopy: Bool
  /// The same file, locked.
  private let lock = Mutex<DiskFile?>(nil)

  /// Maps the file at `path`; an empty file maps to zero bytes.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - isCopy: whether to read all of it into memory instead, for those who cannot survive `SIGBUS`.
  /// - Throws: ``SystemError`` naming the call that failed; opening a folder is `EISDIR`, and a pipe
  ///   or a device ``SystemError/notRegular``.
  package init(path: String, isCopy: Bool = false) throws(SystemError) {
    self.path = path
    self.isCopy = isCopy
    // Without O_NONBLOCK, a pipe in place of a file would be waited for, for ever.
    let descriptor = try retryingInterrupts("open", path: path) {
      unsafe open(path.fileName, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    }
    defer { close(descriptor) }

    status = try FileStatus(ofFile: descriptor, path: path)
    identity = status.identity
    permissions = status.permissions
    guard status.byteCount > 0 else {
      unsafe region = UnsafeRawBufferPointer(start: nil, count: 0)
      return
    }
    let start =
      unsafe isCopy
      ? mmap(nil, status.byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      : mmap(nil, status.byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0)
    guard unsafe start != MAP_FAILED else { throw SystemError("mmap", path: path) }
    unsafe region = UnsafeRawBufferPointer(start: start, count: status.byteCount)
    if isCopy {
      try unsafe Self.read(descriptor, path, into: UnsafeMutableRawBufferPointer(mutating: region))
    }
    Self.paths.withLock { $0[firstAddress] = (status.byteCount, path) }
  }

  private static func read(
    _ descriptor: Int32, _ path: String, into buffer: UnsafeMutableRawBufferPointer
  ) throws(SystemError) {
    guard let start = buffer.baseAddress else { return }
    var done = 0
    while done < buffer.count {
      let count = try retryingInterrupts("read", path: path) {
        unsafe pread(descriptor, start + done, buffer.count - done, off_t(done))
      }
      // A file that becomes shorter has zeros at its end, which no digest fits.
      guard count > 0 else { return }
      done += count
    }
  }

  /// Keeps everybody from changing the file in place for as long as this object lives.
  ///
  /// - Returns: false if somebody is changing it. Where files cannot be locked, nobody can.
  /// - Throws: ``SystemError``, with ``SystemError/replaced`` if the path leads elsewhere by now.
  package func lockForReading() throws(SystemError) -> Bool {
    let file = try DiskFile(reading: path)
    guard file.identity == identity else {
      throw SystemError("open", path: path, code: SystemError.replaced)
    }
    guard (try? file.lockForReading()) ?? true else { return false }
    lock.withLock { $0 = file }
    return true
  }

  /// All mapped files, by the address of their first byte.
  private static let paths = Mutex<[UInt: (byteCount: Int, path: String)]>([:])

  private var firstAddress: UInt { unsafe UInt(bitPattern: region.baseAddress) }

  /// The path of the file that is mapped to an address.
  static func path(ofAddress address: UInt) -> String? {
    paths.withLock { paths in
      paths.first { $0 <= address && address - $0 < UInt($1.byteCount) }?.value.path
    }
  }

  package var byteCount: Int { unsafe region.count }

  /// The file's contents, offset 0 first.
  package var bytes: RawSpan {
    @_lifetime(borrow self)
    get {
      let view = unsafe region.bytes
      return unsafe _overrideLifetime(view, borrowing: self)
    }
  }

  /// A copy of the bytes in `range`, whose pages are given back.
  ///
  /// What is read more than once has to be read from a copy: other processes may write to the file.
  package func copy(of range: Range<Int>) -> [UInt8] {
    populatePages(in: range)
    defer { releasePages(in: range) }
    return bytes.extracting(range).array
  }

  /// Whether the file was written to since it was opened, as far as its time of change tells.
  ///
  /// Another file under the same name does not matter.
  package var hasChanged: Bool {
    guard let now = try? FileStatus(path: path), now.identity == identity else { return false }
    return now.modification != status.modification || now.byteCount != status.byteCount
  }

  /// Maps the pages of `range` at once, instead of one by one as they are touched.
  ///
  /// Only a hint: systems before Linux 5.14 do not know it.
  package func populatePages(in range: Range<Int>) {
    let pageSize = Int(getpagesize())
    let start = range.lowerBound / pageSize * pageSize
    guard !isCopy, start < range.upperBound, let base = unsafe region.baseAddress else { return }
    let populateRead: Int32 = 22  // MADV_POPULATE_READ, which Glibc's module lacks
    unsafe madvise(
      UnsafeMutableRawPointer(mutating: base + start), range.upperBound - start, populateRead)
  }

  /// Gives back the memory of the pages around `range`, which stay readable.
  ///
  /// Without this, a mapped file that was read once counts as resident to its last byte. Those on both
  /// sides go, too, as the system maps so many around the one that is touched: of thousands of short
  /// ranges they would be most.
  package func releasePages(in range: Range<Int>) {
    let mappedAround = 64 << 10
    let start = range.lowerBound / mappedAround * mappedAround
    let end = min(byteCount, (range.upperBound + mappedAround - 1) / mappedAround * mappedAround)
    guard !isCopy, !range.isEmpty, start < end, let base = unsafe region.baseAddress else { return }
    unsafe madvise(UnsafeMutableRawPointer(mutating: base + start), end - start, MADV_DONTNEED)
  }

  deinit {
    guard let start = unsafe region.baseAddress else { return }
    // Before the address is free for another.
    Self.paths.withLock { _ = $0.removeValue(forKey: firstAddress) }
    unsafe munmap(UnsafeMutableRawPointer(mutating: start), region.count)
  }
}
