internal import Glibc

/// What `stat` says of a path, symbolic links followed.
package struct FileStatus: Equatable, Sendable {
  /// Two paths with the same identity are the same file, whatever their names.
  package struct Identity: Hashable, Sendable {
    let device: UInt64
    let inode: UInt64
  }

  package let identity: Identity
  package let byteCount: Int
  package let isFolder: Bool
  package let isRegularFile: Bool
  /// How many names the file has.
  package let linkCount: Int

  /// - Throws: ``SystemError`` if nothing is there, or it cannot be reached.
  package init(path: String) throws(SystemError) {
    var status = stat()
    guard unsafe stat(path.fileName, &status) == 0 else { throw SystemError("stat", path: path) }
    self.init(status)
  }

  init(_ status: stat) {
    identity = Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    byteCount = Int(status.st_size)
    isFolder = status.st_mode & S_IFMT == S_IFDIR
    isRegularFile = status.st_mode & S_IFMT == S_IFREG
    linkCount = Int(status.st_nlink)
  }

  /// Whether anything has this name, a dangling symbolic link included.
  package static func exists(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path.fileName, &status) == 0
  }

  /// Whether the last component of `path` is a symbolic link.
  package static func isSymbolicLink(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path.fileName, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }
}
