internal import CLinux
internal import Glibc

/// A new file, open for writing at any offset by any thread.
package final class WritableFile: Sendable {
  package let path: String
  private let descriptor: Int32
  private let synchronises: Bool

  /// Creates the file at `path`, which must not exist, with those of `permissions` that the user's
  /// mask allows.
  ///
  /// If it `synchronises`, bytes go to the disk as they are written, so that the wait at the end is
  /// short.
  init(
    creating path: String, permissions: UInt32, synchronises: Bool
  ) throws(SystemError) {
    self.path = path
    self.synchronises = synchronises
    descriptor = try retryingInterrupts("open", path: path) {
      unsafe open(path.fileName, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, permissions)
    }
  }

  /// Reserves the space of `byteCount` bytes, so that a disk that is too small says so at once.
  ///
  /// - Throws: ``SystemError``, in particular for a full disk. File systems that cannot reserve are
  ///   silent.
  package func reserve(_ byteCount: Int) throws(SystemError) {
    guard byteCount > 0, clinux_reserve(descriptor, byteCount) != 0 else { return }
    guard errno == EOPNOTSUPP || errno == ENOSYS || errno == EINTR else {
      throw SystemError("fallocate", path: path)
    }
  }

  /// Writes `bytes` at `offset`, extending the file where needed.
  package func write(_ bytes: RawSpan, at offset: Int) throws(SystemError) {
    try writeAll(bytes, to: descriptor, at: offset, path: path)
    // Only a head start: what fails here fails again when the file is synced.
    if synchronises { _ = clinux_begin_writeback(descriptor, offset, bytes.byteCount) }
  }

  /// Creates the file `name` in `folder`, as above.
  init(
    creating name: String, in folder: OpenFolder, permissions: UInt32, synchronises: Bool
  ) throws(SystemError) {
    path = Folder.join(folder.path, name)
    self.synchronises = synchronises
    descriptor = try folder.createFile(name, permissions: permissions)
  }

  /// Returns once the file's bytes are on the disk, if it was to be synchronised, and every error of
  /// writing is known.
  func finish() throws(SystemError) {
    if synchronises { try retryingInterrupts("fsync", path: path) { fsync(descriptor) } }
    // File systems on a network tell some errors only when a descriptor is closed; any will do.
    let copy = try retryingInterrupts("dup", path: path) { dup(descriptor) }
    guard close(copy) == 0 || errno == EINTR else { throw SystemError("close", path: path) }
  }

  deinit {
    close(descriptor)
  }
}

/// Writes all of `bytes` at `offset`, however many calls that takes.
func writeAll(
  _ bytes: RawSpan, to descriptor: Int32, at offset: Int, path: String
) throws(SystemError) {
  var written = 0
  while written < bytes.byteCount {
    let rest = bytes.extracting(written..<bytes.byteCount)
    written += try retryingInterrupts("pwrite", path: path) {
      unsafe rest.withUnsafeBytes {
        unsafe pwrite(descriptor, $0.baseAddress, $0.count, offset + written)
      }
    }
  }
}
