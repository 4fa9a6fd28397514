internal import Glibc

/// A file that is open to be changed where it lies, through a ``Disk``, or to be locked against that.
package final class DiskFile: Sendable {
  package let path: String
  package let identity: FileStatus.Identity
  let descriptor: Int32

  /// Opens the file at `path` to change it, which must be no symbolic link.
  ///
  /// - Throws: ``SystemError``, with `ELOOP` for a link.
  package convenience init(opening path: String) throws(SystemError) {
    try self.init(path, O_RDWR | O_NOFOLLOW)
  }

  /// Opens the file at `path` to lock it. Links are followed, as for whoever reads it.
  package convenience init(reading path: String) throws(SystemError) {
    try self.init(path, O_RDONLY)
  }

  /// Creates the file at `path`, which must not exist, for this user alone.
  convenience init(creating path: String) throws(SystemError) {
    try self.init(path, O_RDWR | O_CREAT | O_EXCL)
  }

  private init(_ path: String, _ flags: Int32) throws(SystemError) {
    self.path = path
    // Without O_NONBLOCK, a pipe in place of a file would be waited for, for ever.
    descriptor = try retryingInterrupts("open", path: path) {
      unsafe open(path.fileName, flags | O_CLOEXEC | O_NONBLOCK, 0o600)
    }
    do {
      identity = try FileStatus(ofFile: descriptor, path: path).identity
    } catch {
      close(descriptor)
      throw error
    }
  }

  /// Locks the file against everybody else who locks it, until this object goes or the process ends,
  /// however it ends.
  ///
  /// - Returns: false if somebody else has locked it.
  /// - Throws: ``SystemError`` if files cannot be locked here.
  package func lockForChanging() throws(SystemError) -> Bool {
    try lock(LOCK_EX)
  }

  /// Locks the file against whoever would change it, likewise.
  package func lockForReading() throws(SystemError) -> Bool {
    try lock(LOCK_SH)
  }

  private func lock(_ operation: Int32) throws(SystemError) -> Bool {
    do {
      try retryingInterrupts("flock", path: path) { flock(descriptor, operation | LOCK_NB) }
      return true
    } catch {
      guard error.code == EWOULDBLOCK else { throw error }
      return false
    }
  }

  deinit {
    // Closing alone would not drop the lock while a child of this process, between fork and exec, has
    // a copy of the descriptor.
    flock(descriptor, LOCK_UN)
    close(descriptor)
  }
}
