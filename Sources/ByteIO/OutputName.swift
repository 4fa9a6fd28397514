internal import CLinux
internal import Glibc

/// The final name of an output, and the temporary beside it that becomes it.
///
/// Files and folders alike are made under a temporary name in the same folder, so that the final
/// name shows the whole output or none.
struct OutputName {
  let path: String
  let temporaryPath: String
  /// Where what has the final name is kept while other files of its set are replaced.
  private let replacedPath: String
  private let overwrites: Bool

  /// - Parameters:
  ///   - path: the final name.
  ///   - isFolder: whether the output is a folder.
  ///   - overwrites: whether something may have that name.
  ///   - temporaryPath: where the output is made, if not beside the final name.
  /// - Throws: ``SystemError`` with `EEXIST` if something has that name and `overwrites` is false; if
  ///   nothing can have that name, or what has it is not replaced.
  init(
    _ path: String, isFolder: Bool, overwrites: Bool, temporaryPath: String? = nil
  ) throws(SystemError) {
    // With the slash, a link's name would be that of the folder it leads to.
    let name = Folder.trimmed(path)
    self.path = name
    self.overwrites = overwrites
    guard isFolder || name == path else { throw SystemError("open", path: path, code: EISDIR) }
    if let old = try FileStatus.ofName(name) {
      try Self.checkIsReplaceable(name, old)
      guard overwrites else { throw SystemError("open", path: path, code: EEXIST) }
      guard isFolder || !old.isFolder else { throw SystemError("open", path: path, code: EISDIR) }
    }
    // Names end at 255 bytes; the final one may use them all.
    let stem = String(decoding: Folder.lastComponent(of: name).utf8.prefix(180), as: UTF8.self)
    let tag = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    let hidden = Folder.join(Folder.parent(of: name), ".\(stem).\(tag)")
    self.temporaryPath = temporaryPath ?? hidden + ".partial"
    replacedPath = hidden + ".replaced"
  }

  /// Refuses to replace what is no file: a device, a pipe, a socket, a link to one, or a link such as
  /// `/dev/stdout`. Other links are replaced themselves.
  private static func checkIsReplaceable(
    _ path: String, _ old: FileStatus
  ) throws(SystemError) {
    let target = old.isSymbolicLink ? try? FileStatus(path: path) : old
    guard let target else { return }
    guard target.isRegularFile || target.isFolder,
      !old.isSymbolicLink || !target.isStandardStream
    else { throw SystemError("open", path: path, code: SystemError.notRegular) }
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

  // MARK: Publishing

  /// Gives the temporaries of a set, which is opened by its first file, their final names.
  ///
  /// - Parameters:
  ///   - set: the names.
  ///   - body: gets what renames them, and calls it once; nothing removes the temporaries meanwhile.
  /// - Throws: ``SystemError``; with `EEXIST` if a name was taken meanwhile. The temporaries are then
  ///   still there, and the names show what they showed before.
  static func publish(
    _ set: [OutputName],
    _ body: (() throws(SystemError) -> Void) throws(SystemError) -> Void = {
      (rename) throws(SystemError) in try rename()
    }
  ) throws(SystemError) {
    try Temporaries.release(set.map(\.temporaryPath)) { () throws(SystemError) in
      try body { () throws(SystemError) in
        guard set.count > 1 else { return try set[0].rename() }
        // Another process may be publishing the same set: its files would be moved about with these.
        try Folder.locked(Folder.parent(of: set[0].path)) { () throws(SystemError) in
          try rename(set)
        }
      }
    }
    try synchroniseFolder(of: set)
  }

  /// The old first file goes away first, and the new one comes last: whatever ends this early, there
  /// is no first file, so that old and new ones are never opened together.
  private static func rename(_ set: [OutputName]) throws(SystemError) {
    var (replaced, named): ([OutputName], [OutputName]) = ([], [])
    do {
      for name in set where name.overwrites && FileStatus.exists(name.path) {
        try Folder.move(name.path, to: name.replacedPath)
        replaced.append(name)
      }
      if !replaced.isEmpty { try synchroniseFolder(of: set) }
      for name in set.reversed() {
        if named.count == set.count - 1 { try synchroniseFolder(of: set) }
        try name.renameExclusively()
        named.append(name)
      }
      if !replaced.isEmpty { try synchroniseFolder(of: set) }
    } catch {
      for name in named.reversed() { try? Folder.move(name.path, to: name.temporaryPath) }
      for name in replaced.reversed() { try? Folder.move(name.replacedPath, to: name.path) }
      throw error
    }
    for name in replaced { unsafe unlink(name.replacedPath.fileName) }
  }

  private func rename() throws(SystemError) {
    guard overwrites else { return try renameExclusively() }
    if unsafe Glibc.rename(temporaryPath.fileName, path.fileName) == 0 { return }
    // A folder replaces a folder, a file or a link by trading names with it; the old one then goes
    // as the temporary. A file does not replace a folder.
    guard [ENOTEMPTY, EEXIST, ENOTDIR].contains(errno),
      unsafe clinux_rename_exchange(temporaryPath.fileName, path.fileName) == 0
    else { throw SystemError("rename", path: path) }
  }

  private func renameExclusively() throws(SystemError) {
    if unsafe clinux_rename_exclusively(temporaryPath.fileName, path.fileName) == 0 { return }
    guard errno == EINVAL || errno == ENOSYS else { throw SystemError("rename", path: path) }
    // This file system cannot rename exclusively: look, then rename.
    guard !FileStatus.exists(path) else { throw SystemError("rename", path: path, code: EEXIST) }
    try Folder.move(temporaryPath, to: path)
  }

  private static func synchroniseFolder(of set: [OutputName]) throws(SystemError) {
    try Folder.synchronise(Folder.parent(of: set[0].path))
  }
}
