internal import Glibc

/// What the system says of a path.
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
