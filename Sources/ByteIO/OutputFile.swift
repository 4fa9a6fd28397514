/// A file that appears under its name complete and synced, or not at all.
///
/// Unless ``publish()`` succeeded, the temporary file goes when this object does.
package final class OutputFile: Sendable {
  /// Where to write. Its `path` is that of the temporary.
  package let contents: WritableFile
  private let name: OutputName

  /// Creates the temporary file beside `path`.
  ///
  /// Unless it `synchronises`, publishing does not wait for the disk: after a power loss, the name
  /// may show less than the whole file.
  ///
  /// - Throws: ``SystemError`` under the final name, of kind `exists` if something has that name
  ///   and `overwrites` is false.
  package init(
    path: String, overwrites: Bool, synchronises: Bool = true
  ) throws(SystemError) {
    let name = try OutputName(path, overwrites: overwrites)
    self.name = name
    contents = try name.register { () throws(SystemError) in
      try WritableFile(creating: name.temporaryPath, synchronises: synchronises)
    }
  }

  /// Syncs the file to the disk and gives it its name.
  ///
  /// - Throws: ``SystemError``; the name then shows what it showed before.
  package func publish() throws(SystemError) {
    try contents.finish()
    try name.publish()
  }

  deinit {
    name.removeTemporary()
  }
}
