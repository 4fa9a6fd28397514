internal import Glibc
internal import Synchronization

/// A folder that appears under its name with all its files, or not at all.
///
/// Unless ``publish()`` succeeded, the temporary folder goes when this object does.
package final class OutputFolder: Sendable {
  private let name: OutputName
  private let synchronises: Bool
  private let files = Mutex<[WritableFile]>([])
  private let folders = Mutex<Set<String>>([])

  /// Creates the temporary folder beside `path`. For `synchronises`, see ``OutputFile``.
  ///
  /// - Throws: ``SystemError`` under the final name, of kind `exists` if something has that name
  ///   and `overwrites` is false.
  package init(
    path: String, overwrites: Bool, synchronises: Bool = true
  ) throws(SystemError) {
    self.synchronises = synchronises
    let name = try OutputName(path, overwrites: overwrites)
    self.name = name
    _ = try name.register { () throws(SystemError) in
      try retryingInterrupts("mkdir", path: path) { unsafe mkdir(name.temporaryPath, 0o777) }
    }
  }

  /// Creates a file in the folder, and the folders on the way to it.
  ///
  /// - Precondition: No component of `relativePath` is empty, `.` or `..`: the output never leaves
  ///   its folder.
  package func createFile(_ relativePath: String) throws(SystemError) -> WritableFile {
    let components = relativePath.split(separator: "/", omittingEmptySubsequences: false)
    precondition(components.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." })
    var folder = name.temporaryPath
    for component in components.dropLast() {
      folder = Folder.join(folder, String(component))
      guard folders.withLock({ $0.insert(folder).inserted }) else { continue }
      let path = folder
      try retryingInterrupts("mkdir", path: path) { unsafe mkdir(path, 0o777) }
    }
    let file = try WritableFile(
      creating: Folder.join(name.temporaryPath, relativePath), synchronises: synchronises)
    files.withLock { $0.append(file) }
    return file
  }

  /// Syncs every file to the disk and gives the folder its name.
  ///
  /// - Throws: ``SystemError``; the name then shows what it showed before.
  package func publish() throws(SystemError) {
    for file in files.withLock({ $0 }) { try file.finish() }
    if synchronises {
      for folder in folders.withLock({ $0 }) { try Folder.synchronise(folder) }
      try Folder.synchronise(name.temporaryPath)
    }
    try name.publish()
  }

  deinit {
    name.removeTemporary()
  }
}
