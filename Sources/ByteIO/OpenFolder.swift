internal import Glibc

/// A folder that was made here and is held open: what is made in it is made in this folder, whatever
/// its name has come to lead to.
final class OpenFolder: Sendable {
  let path: String
  private let descriptor: Int32

  /// Makes the folder at `path`, with those of `permissions` that the user's mask allows; the user
  /// may always write in it.
  convenience init(creating path: String, permissions: UInt32) throws(SystemError) {
    try retryingInterrupts("mkdir", path: path) {
      unsafe mkdir(path.fileName, permissions | S_IRWXU)
    }
    do {
      try self.init(path, relativeTo: AT_FDCWD, named: path)
    } catch {
      // Nobody else knows of it.
      unsafe rmdir(path.fileName)
      throw error
    }
  }

  /// Makes the folder `name` in `parent`.
  convenience init(creating name: String, in parent: OpenFolder) throws(SystemError) {
    let path = Folder.join(parent.path, name)
    try retryingInterrupts("mkdir", path: path) {
      unsafe mkdirat(parent.descriptor, name.fileName, 0o777)
    }
    try self.init(path, relativeTo: parent.descriptor, named: name)
  }

  private init(_ path: String, relativeTo start: Int32, named name: String) throws(SystemError) {
    self.path = path
    descriptor = try retryingInterrupts("open", path: path) {
      unsafe openat(start, name.fileName, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    }
  }

  /// Creates the file `name`, for reading and writing; there must be none. For `permissions`, see
  /// ``WritableFile``.
  ///
  /// - Returns: its descriptor.
  func createFile(_ name: String, permissions: UInt32) throws(SystemError) -> Int32 {
    try retryingInterrupts("open", path: Folder.join(path, name)) {
      unsafe openat(descriptor, name.fileName, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, permissions)
    }
  }

  /// Makes what was created in the folder survive a power loss.
  func synchronise() throws(SystemError) {
    // Some file systems cannot sync a folder and say so with EINVAL; there is nothing to add.
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw SystemError("fsync", path: path)
    }
  }

  deinit {
    close(descriptor)
  }
}
