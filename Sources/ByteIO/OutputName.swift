internal import CLinux
internal import Glibc

/// The final name of an output, and the temporary beside it that becomes it.
///
/// Files and folders alike are made under a temporary name in the same folder, so that the final
/// name shows the whole output or none.
struct OutputName {
  let path: String
  let temporaryPath: String
  let overwrites: Bool

  /// - Throws: ``SystemError`` with `EEXIST` if something has that name and `overwrites` is false.
  init(_ path: String, overwrites: Bool) throws(SystemError) {
    guard overwrites || !FileStatus.exists(path) else {
      throw SystemError("open", path: path, code: EEXIST)
    }
    self.path = path
    self.overwrites = overwrites
    let name = Folder.lastComponent(of: path)
    // Names end at 255 bytes; the final one may use them all.
    let stem = String(decoding: name.utf8.prefix(180), as: UTF8.self)
    let tag = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    temporaryPath = Folder.join(Folder.parent(of: path), ".\(stem).\(tag).partial")
  }

  /// Runs `make`, which creates the temporary, under the eyes of ``Temporaries``.
  ///
  /// - Throws: ``SystemError`` under the final name, the one the user knows.
  func register<Made>(_ make: () throws(SystemError) -> Made) throws(SystemError) -> Made {
    do {
      return try Temporaries.register(temporaryPath, make)
    } catch {
      throw SystemError(error.call, path: path, code: error.code)
    }
  }

  func removeTemporary() {
    Temporaries.remove(temporaryPath)
  }

  /// Gives the temporary its final name.
  ///
  /// - Throws: ``SystemError``; with `EEXIST` if the name was taken meanwhile. The temporary is
  ///   then still there.
  func publish() throws(SystemError) {
    try Temporaries.release(temporaryPath) { () throws(SystemError) in try rename() }
    try Folder.synchronise(Folder.parent(of: path))
  }

  private func rename() throws(SystemError) {
    if overwrites {
      if unsafe Glibc.rename(temporaryPath.fileName, path.fileName) == 0 { return }
      // A folder replaces a folder, a file or a link by trading names with it; the old one then goes
      // as the temporary. A file does not replace a folder.
      guard [ENOTEMPTY, EEXIST, ENOTDIR].contains(errno),
        unsafe clinux_rename_exchange(temporaryPath.fileName, path.fileName) == 0
      else { throw SystemError("rename", path: path) }
      return
    }
    if unsafe clinux_rename_exclusively(temporaryPath.fileName, path.fileName) == 0 { return }
    guard errno == EINVAL || errno == ENOSYS else { throw SystemError("rename", path: path) }
    // This file system cannot rename exclusively: look, then rename.
    guard !FileStatus.exists(path) else { throw SystemError("rename", path: path, code: EEXIST) }
    guard unsafe Glibc.rename(temporaryPath.fileName, path.fileName) == 0 else {
      throw SystemError("rename", path: path)
    }
  }
}
