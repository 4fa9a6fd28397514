internal import Glibc

/// What `stat` says of a path, symbolic links followed.
package struct FileStatus: Equatable, Sendable {
  /// Two paths with the same identity are the same file, whatever their names.
  package struct Identity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64
  }

  /// A point in time, in seconds and nanoseconds.
  package struct Time: Equatable, Sendable {
    let seconds: Int
    let nanoseconds: Int
  }

  package let identity: Identity
  /// When the contents were last changed.
  package let modification: Time
  package let byteCount: Int
  package let isFolder: Bool
  package let isRegularFile: Bool
  /// How many names the file has.
  package let linkCount: Int

  /// - Throws: ``SystemError`` if nothing is there, or it cannot be reached.
  package init(path: String) throws(SystemError) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { throw SystemError("stat", path: path) }
    self.init(status)
  }

  /// Of an open file.
  ///
  /// - Throws: ``SystemError`` as for opening it if it is no regular file: `EISDIR` for a folder,
  ///   ``SystemError/notRegular`` for a pipe or a device.
  init(ofFile descriptor: Int32, path: String) throws(SystemError) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else { throw SystemError("fstat", path: path) }
    self.init(status)
    guard !isFolder else { throw SystemError("open", path: path, code: EISDIR) }
    guard isRegularFile else {
      throw SystemError("open", path: path, code: SystemError.notRegular)
    }
  }

  init(_ status: stat) {
    identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    modification = Time(seconds: status.st_mtim.tv_sec, nanoseconds: status.st_mtim.tv_nsec)
    byteCount = Int(status.st_size)
    isFolder = status.st_mode & S_IFMT == S_IFDIR
    isRegularFile = status.st_mode & S_IFMT == S_IFREG
    linkCount = Int(status.st_nlink)
  }

  /// Whether anything has this name, a dangling symbolic link included.
  package static func exists(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0
  }

  /// Whether the last component of `path` is a symbolic link.
  package static func isSymbolicLink(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }
}
