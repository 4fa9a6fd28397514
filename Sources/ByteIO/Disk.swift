internal import CLinux
internal import Glibc

/// The calls that change files in place.
///
/// There is one disk in a program. Tests have others, that fail after any of these calls and lose
/// what was not synchronised.
package protocol Disk: Sendable {
  /// Creates a file that goes when a signal ends the process before it is renamed.
  func create(_ path: String) throws(SystemError) -> DiskFile

  /// Takes the space of the first `byteCount` bytes of a new file, which read as zeros, so that a
  /// full disk says so now.
  func reserve(_ byteCount: Int, of file: DiskFile) throws(SystemError)

  func write(_ bytes: RawSpan, to file: DiskFile, at offset: Int) throws(SystemError)

  /// Returns once all that was written to the file survives a power loss.
  func synchronise(_ file: DiskFile) throws(SystemError)

  /// Gives a created file its name.
  func rename(_ path: String, to newPath: String) throws(SystemError)

  /// Removes a file.
  func remove(_ path: String) throws(SystemError)

  /// Returns once what was renamed and removed in the folder survives a power loss.
  func synchroniseFolder(_ path: String) throws(SystemError)
}

/// The disk of this machine.
package struct SystemDisk: Disk {
  package init() {}

  package func create(_ path: String) throws(SystemError) -> DiskFile {
    try Temporaries.register(path) { () throws(SystemError) in try DiskFile(creating: path) }
  }

  package func reserve(_ byteCount: Int, of file: DiskFile) throws(SystemError) {
    let error: SystemError
    do {
      try retryingInterrupts("fallocate", path: file.path) {
        clinux_reserve(file.descriptor, byteCount)
      }
      return
    } catch let reason {
      error = reason
    }
    guard error.code == EOPNOTSUPP || error.code == ENOSYS else { throw error }
    let zeros = [UInt8](repeating: 0, count: 1 << 20)
    for offset in stride(from: 0, to: byteCount, by: zeros.count) {
      let count = min(zeros.count, byteCount - offset)
      try write(zeros.rawSpan.extracting(0..<count), to: file, at: offset)
    }
  }

  package func write(
    _ bytes: RawSpan, to file: DiskFile, at offset: Int
  ) throws(SystemError) {
    try writeAll(bytes, to: file.descriptor, at: offset, path: file.path)
  }

  package func synchronise(_ file: DiskFile) throws(SystemError) {
    try retryingInterrupts("fdatasync", path: file.path) { fdatasync(file.descriptor) }
  }

  package func rename(_ path: String, to newPath: String) throws(SystemError) {
    try Temporaries.release([path]) { () throws(SystemError) in
      guard unsafe Glibc.rename(path.fileName, newPath.fileName) == 0 else {
        throw SystemError("rename", path: newPath)
      }
    }
  }

  package func remove(_ path: String) throws(SystemError) {
    try Folder.removeFile(path)
    Temporaries.forget(path)
  }

  package func synchroniseFolder(_ path: String) throws(SystemError) {
    try Folder.synchronise(path)
  }
}
