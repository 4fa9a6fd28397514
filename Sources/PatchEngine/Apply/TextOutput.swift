internal import ByteIO

/// A text file that appears under its name as a whole, or not at all.
package struct TextOutput {
  private let path: String
  private let file: OutputFile

  /// - Throws: ``PatchError`` if the file cannot be made, or exists and is not to be overwritten.
  package init(_ path: String, overwrites: Bool) throws(PatchError) {
    self.path = path
    file = try PatchError.writing(path) { () throws(SystemError) in
      try OutputFile(path: path, overwrites: overwrites)
    }
  }

  /// Writes the text and gives the file its name.
  ///
  /// - Throws: ``PatchError``; the name then shows what it showed before.
  package func publish(_ text: String) throws(PatchError) {
    let bytes = Array(text.utf8)
    try PatchError.writing(path) { () throws(SystemError) in
      try file.contents.write(bytes.rawSpan, at: 0)
      try file.publish()
    }
  }
}
