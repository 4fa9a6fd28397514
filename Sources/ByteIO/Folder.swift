internal import Glibc

/// Folders: what they hold, and their place in a path.
package enum Folder {
  /// The names in the folder at `path`, sorted by their bytes, without `.` and `..`.
  ///
  /// - Throws: ``SystemError`` if it cannot be opened or read.
  package static func names(in path: String) throws(SystemError) -> [String] {
    guard let folder = unsafe opendir(path.fileName) else {
      throw SystemError("opendir", path: path)
    }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(folder) else {
        guard errno == 0 else { throw SystemError("readdir", path: path) }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
      }
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
        unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 256) {
          unsafe String(fileName: $0)
        }
      }
      if name != "." && name != ".." { names.append(name) }
    }
  }

  /// What a folder holds under a name.
  package struct Entry: Equatable, Sendable {
    package enum Kind: Sendable {
      /// A regular file, or a link to one.
      case file
      /// A folder itself, not a link to one.
      case folder
      case other
    }

    package let name: String
    package let kind: Kind
  }

  /// The entries of the folder at `path`, sorted by the bytes of their names.
  ///
  /// - Throws: ``SystemError`` if the folder cannot be read, or an entry vanishes meanwhile.
  package static func entries(in path: String) throws(SystemError) -> [Entry] {
    try names(in: path).map { (name) throws(SystemError) in
      let entry = join(path, name)
      guard let status = try FileStatus.ofName(entry) else {
        throw SystemError("lstat", path: entry, code: ENOENT)
      }
      if status.isFolder { return Entry(name: name, kind: .folder) }
      let isFile = (try? FileStatus(path: entry))?.isRegularFile ?? false
      return Entry(name: name, kind: isFile ? .file : .other)
    }
  }

  // Paths are taken apart by bytes, as the system does it. By characters, a slash would be none where
  // a combining mark follows it.
  private static let slash = UInt8(ascii: "/")

  /// `path` up to its last component, `.` if it has but one.
  package static func parent(of path: String) -> String {
    let trimmed = trimmingSlashes(path)
    guard let end = trimmed.lastIndex(of: slash) else { return "." }
    return end == trimmed.startIndex ? "/" : String(decoding: trimmed[..<end], as: UTF8.self)
  }

  /// The last component of `path`.
  package static func lastComponent(of path: String) -> String {
    let trimmed = trimmingSlashes(path)
    guard let end = trimmed.lastIndex(of: slash) else {
      return String(decoding: trimmed, as: UTF8.self)
    }
    return String(decoding: trimmed[trimmed.index(after: end)...], as: UTF8.self)
  }

  /// The components of `path`; empty ones are what lies between two slashes and at the ends.
  package static func components(of path: String) -> [String] {
    path.utf8.split(separator: slash, omittingEmptySubsequences: false).map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  /// Where `path` really lies, all links followed.
  ///
  /// - Returns: nil if there is no such path.
  package static func resolved(_ path: String) -> String? {
    guard let resolved = unsafe realpath(path.fileName, nil) else { return nil }
    defer { unsafe free(resolved) }
    return unsafe String(fileName: resolved)
  }

  /// Where the file at `path` lies if that is a link, or a link to one: the path of the file itself,
  /// however it spells the folders on the way.
  ///
  /// - Throws: ``SystemError`` if there are too many links.
  package static func following(_ path: String) throws(SystemError) -> String {
    var path = path
    for _ in 0..<40 {
      var target = [CChar](repeating: 0, count: Int(PATH_MAX))
      let byteCount = unsafe readlink(path.fileName, &target, target.count)
      guard byteCount >= 0 else { return path }
      let name = String(fileName: target[..<byteCount].lazy.map { UInt8(bitPattern: $0) })
      path = name.utf8.first == slash ? name : join(parent(of: path), name)
    }
    throw SystemError("readlink", path: path, code: ELOOP)
  }

  /// The folders in which `path` really lies, links followed: its own, and all above it.
  ///
  /// - Returns: nothing if there is no such path.
  package static func enclosing(_ path: String) -> [FileStatus.Identity] {
    guard var folder = resolved(path) else { return [] }
    var identities: [FileStatus.Identity] = []
    while folder != "/" {
      folder = parent(of: folder)
      if let status = try? FileStatus(path: folder) { identities.append(status.identity) }
    }
    return identities
  }

  /// Makes the folder at `path`, unless it is there.
  ///
  /// - Throws: ``SystemError``.
  package static func make(_ path: String) throws(SystemError) {
    guard unsafe mkdir(path.fileName, 0o777) != 0 else { return }
    let code = errno
    guard code == EEXIST else { throw SystemError("mkdir", path: path, code: code) }
    guard try FileStatus(path: path).isFolder else {
      throw SystemError("mkdir", path: path, code: ENOTDIR)
    }
  }

  /// Removes a folder that is empty; another one stays.
  package static func removeIfEmpty(_ path: String) { unsafe rmdir(path.fileName) }

  /// Gives what is at `path` another name in the same file system, of which something else may have been
  /// the name.
  ///
  /// - Throws: ``SystemError``.
  static func move(_ path: String, to newPath: String) throws(SystemError) {
    guard unsafe rename(path.fileName, newPath.fileName) == 0 else {
      throw SystemError("rename", path: newPath)
    }
  }

  /// Removes a file, or a link.
  ///
  /// - Throws: ``SystemError``.
  package static func removeFile(_ path: String) throws(SystemError) {
    guard unsafe unlink(path.fileName) == 0 else { throw SystemError("unlink", path: path) }
  }

  /// `name` inside the folder at `path`.
  package static func join(_ path: String, _ name: String) -> String {
    path.utf8.last == slash ? path + name : path + "/" + name
  }

  /// Whether `name` names something in a folder itself, not in one above or below it.
  package static func isBareName(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".."
      && !name.utf8.contains(slash) && !name.utf8.contains(0)
  }

  /// `path` without slashes at its end.
  package static func trimmed(_ path: String) -> String {
    String(decoding: trimmingSlashes(path), as: UTF8.self)
  }

  private static func trimmingSlashes(_ path: String) -> Substring.UTF8View {
    var trimmed = Substring(path).utf8
    while trimmed.count > 1, trimmed.last == slash { trimmed.removeLast() }
    return trimmed
  }

  /// Runs `body` while no other process does so for the folder at `path`. Where folders cannot be
  /// locked, everybody goes on.
  ///
  /// - Throws: ``SystemError`` if the folder cannot be opened; what `body` throws.
  static func locked(
    _ path: String, _ body: () throws(SystemError) -> Void
  ) throws(SystemError) {
    let descriptor = try descriptor(of: path)
    defer { close(descriptor) }
    _ = try? retryingInterrupts("flock", path: path) { flock(descriptor, LOCK_EX) }
    try body()
  }

  /// Makes what was renamed inside the folder at `path` survive a power loss.
  static func synchronise(_ path: String) throws(SystemError) {
    let descriptor = try descriptor(of: path)
    defer { close(descriptor) }
    // Some file systems cannot sync a folder and say so with EINVAL; there is nothing to add.
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw SystemError("fsync", path: path)
    }
  }

  private static func descriptor(of path: String) throws(SystemError) -> Int32 {
    try retryingInterrupts("open", path: path) {
      unsafe open(path.fileName, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    }
  }
}
