internal import Glibc

/// A file that is open for reading and writing, and changed where it lies, through a ``Disk``.
package final class DiskFile: Sendable {
  package let path: String
  package let identity: FileStatus.Identity
  let descriptor: Int32

  /// Opens the file at `path`, which must be no symbolic link.
  ///
  /// - Throws: ``SystemError``, with `ELOOP` for a link.
  package convenience init(opening path: String) throws(SystemError) {
    try self.init(path, O_RDWR | O_NOFOLLOW)
  }

  /// Creates the file at `path`, which must not exist.
  convenience init(creating path: String) throws(SystemError) {
    try self.init(path, O_RDWR | O_CREAT | O_EXCL)
  }

  private init(_ path: String, _ flags: Int32) throws(SystemError) {
    self.path = path
    descriptor = try retryingInterrupts("open", path: path) {
      unsafe open(path.fileName, flags | O_CLOEXEC, 0o666)
    }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      let error = SystemError("fstat", path: path)
      close(descriptor)
      throw error
    }
    identity = FileStatus(status).identity
  }

  /// Locks the file against every other process that locks it, until this object goes or the
  /// process ends, however it ends.
  ///
  /// - Returns: false if another process has locked it.
  /// - Throws: ``SystemError`` if files cannot be locked here.
  package func lock() throws(SystemError) -> Bool {
    try Self.lock(descriptor, LOCK_EX, path)
  }

  /// Whether a process has locked the file at `path` at this moment.
  package static func isLocked(_ path: String) -> Bool {
    let descriptor = unsafe open(path.fileName, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { unlockAndClose(descriptor) }
    return (try? lock(descriptor, LOCK_SH, path)) == false
  }

  private static func lock(
    _ descriptor: Int32, _ operation: Int32, _ path: String
  ) throws(SystemError) -> Bool {
    do {
      try retryingInterrupts("flock", path: path) { flock(descriptor, operation | LOCK_NB) }
      return true
    } catch {
      guard error.code == EWOULDBLOCK else { throw error }
      return false
    }
  }

  /// Closing alone would not drop the lock while a child of this process, between fork and exec, has
  /// a copy of the descriptor.
  private static func unlockAndClose(_ descriptor: Int32) {
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }

  deinit {
    Self.unlockAndClose(descriptor)
  }
}
