internal import Glibc

/// What the system says of a path.
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
  package let isSymbolicLink: Bool
  /// What its owner, its group and others may do, without the bits beyond.
  package let permissions: UInt32
  /// How many names the file has.
  package let linkCount: Int

  /// What is at `path`, symbolic links followed.
  ///
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
    isSymbolicLink = status.st_mode & S_IFMT == S_IFLNK
    permissions = status.st_mode & 0o777
    linkCount = Int(status.st_nlink)
  }

  /// What has the name `path`, be it a symbolic link.
  ///
  /// - Returns: nil if nothing has.
  /// - Throws: ``SystemError`` if nothing can have it: it is too long, or lies in no folder.
  package static func ofName(_ path: String) throws(SystemError) -> FileStatus? {
    var status = stat()
    guard unsafe lstat(path.fileName, &status) == 0 else {
      guard errno == ENOENT else { throw SystemError("lstat", path: path) }
      return nil
    }
    return FileStatus(status)
  }

  /// Whether this is open as a standard stream of this process.
  var isStandardStream: Bool {
    (STDIN_FILENO...STDERR_FILENO).contains { descriptor in
      var status = stat()
      return unsafe fstat(descriptor, &status) == 0 && FileStatus(status).identity == identity
    }
  }

  /// Whether anything has this name, a dangling symbolic link included.
  package static func exists(_ path: String) -> Bool { (try? ofName(path)).flatMap { $0 } != nil }

  /// Whether the last component of `path` is a symbolic link.
  package static func isSymbolicLink(_ path: String) -> Bool {
    (try? ofName(path)).flatMap { $0 }?.isSymbolicLink ?? false
  }
}
