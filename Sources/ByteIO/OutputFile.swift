/// A file that appears under its name complete and synced, or not at all.
///
/// Unless ``publish()`` succeeded, the temporary file goes when this object does.
package final class OutputFile: Sendable {
  /// Where to write. Its `path` is that of the temporary.
  package let contents: WritableFile
  private let name: OutputName

  /// Creates the temporary file beside `path`.
  ///
  /// It has those of `permissions` that the user's mask allows. Unless it `synchronises`, publishing does not wait for the disk: after a power loss, the name
  /// may show less than the whole file.
  ///
  /// - Throws: ``SystemError`` under the final name, of kind `exists` if something has that name
  ///   and `overwrites` is false.
  package init(
    path: String, overwrites: Bool, permissions: UInt32 = 0o666, synchronises: Bool = true
  ) throws(SystemError) {
    let name = try OutputName(path, isFolder: false, overwrites: overwrites)
    self.name = name
    contents = try name.register { () throws(SystemError) in
      try WritableFile(
        creating: name.temporaryPath, permissions: permissions, synchronises: synchronises)
    }
  }

  /// Syncs the file to the disk and gives it its name.
  ///
  /// - Throws: ``SystemError``; the name then shows what it showed before.
  package func publish() throws(SystemError) {
    try Self.publish([self])
  }

  /// Syncs the files of a set, which is opened by its first, and gives them their names: all of them,
  /// or none.
  ///
  /// Only what ends the process at once, or the machine, can leave some of them. The first name then
  /// shows nothing.
  ///
  /// - Throws: ``SystemError``; the names then show what they showed before.
  package static func publish(_ set: [OutputFile]) throws(SystemError) {
    for file in set { try file.contents.finish() }
    try OutputName.publish(set.map(\.name))
  }

  /// Gives files that were made under other names, on the disk and in the same file system, those of a set.
  ///
  /// - Parameters:
  ///   - paths: where the files are.
  ///   - names: where they go, the one by which the set is opened first.
  ///   - overwrites: whether these may exist.
  /// - Throws: ``SystemError``; all names then show what they showed before.
  package static func publish(
    filesAt paths: [String], as names: [String], overwrites: Bool
  ) throws(SystemError) {
    try OutputName.publish(
      zip(paths, names).map { (path, name) throws(SystemError) in
        try OutputName(name, isFolder: false, overwrites: overwrites, temporaryPath: path)
      })
  }

  /// - Throws: ``SystemError`` if an output cannot have the name `path`, or something has it already that is
  ///   not to be replaced.
  package static func check(
    _ path: String, isFolder: Bool, overwrites: Bool
  ) throws(SystemError) {
    _ = try OutputName(path, isFolder: isFolder, overwrites: overwrites)
  }

  deinit {
    name.removeTemporary()
  }
}
