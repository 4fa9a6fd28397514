internal import ByteIO

/// A text file that appears under its name as a whole, or not at all.
struct TextOutput {
  /// - Throws: ``PatchError``; nothing then has the name `path`.
  @discardableResult
  init(_ text: String, to path: String, overwrites: Bool) throws(PatchError) {
    let bytes = Array(text.utf8)
    try PatchError.writing(path) { () throws(SystemError) in
      let file = try OutputFile(path: path, overwrites: overwrites)
      try file.contents.write(bytes.rawSpan, at: 0)
      try file.publish()
    }
  }
}
