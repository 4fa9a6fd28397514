/// Builds zip archives of stored entries, sound ones and such with one record wrong.
package struct ZipBuilder {
  package struct Entry {
    package var name: String
    package var contents: [UInt8]
    package var method: UInt16 = 0
    /// As torch sets them: sizes follow the contents, names are UTF-8.
    package var flags: UInt16 = 0x0808
    /// What the local header says in place of ``name``.
    package var localName: String?
    /// What the directory says in place of where the entry is.
    package var offset: UInt32?
    /// What the directory says in place of how long it is.
    package var byteCount: UInt32?
    /// What it says of that twice, where the two differ.
    package var originalByteCount: UInt32?
    package var extra: [UInt8] = []

    package init(_ name: String, _ contents: [UInt8]) {
      self.name = name
      self.contents = contents
    }
  }

  package var entries: [Entry] = []
  /// Whether the 64-bit end record is there, as torch writes it always.
  package var isWide = true
  /// What both end records say in place of the number of entries.
  package var entryCount: Int?
  package var comment: [UInt8] = []

  package init() {}

  package mutating func add(_ name: String, _ contents: [UInt8]) {
    entries.append(Entry(name, contents))
  }

  package mutating func add(_ name: String, _ text: String) { add(name, Array(text.utf8)) }

  /// The whole archive.
  package var bytes: [UInt8] {
    var file: [UInt8] = []
    var directory: [UInt8] = []
    for entry in entries {
      let name = Array(entry.name.utf8)
      let localName = Array((entry.localName ?? entry.name).utf8)
      let start = UInt32(file.count)
      let length = entry.byteCount ?? UInt32(entry.contents.count)
      file += words([0x0403_4B50]) + halves([0, entry.flags, entry.method, 0, 0])
      file += words([0, 0, 0]) + halves([UInt16(localName.count), 0]) + localName
      file += entry.contents
      file += words([0x0807_4B50, 0, length, length])

      directory += words([0x0201_4B50]) + halves([0, 0, entry.flags, entry.method, 0, 0])
      directory += words([0, length, entry.originalByteCount ?? length])
      directory += halves([UInt16(name.count), UInt16(entry.extra.count), 0, 0, 0])
      directory += words([0, entry.offset ?? start]) + name + entry.extra
    }
    let directoryStart = file.count
    let count = entryCount ?? entries.count
    file += directory
    if isWide {
      let wideStart = UInt64(file.count)
      file += words([0x0606_4B50]) + longs([44]) + words([0, 0, 0])
      file += longs([UInt64(count), UInt64(count), UInt64(directory.count), UInt64(directoryStart)])
      file += words([0x0706_4B50, 0]) + longs([wideStart]) + words([1])
    }
    let shortCount = UInt16(min(count, 0xFFFF))
    file += words([0x0605_4B50]) + halves([0, 0, shortCount, shortCount])
    file += words([UInt32(directory.count), UInt32(directoryStart)])
    return file + halves([UInt16(comment.count)]) + comment
  }

  private func halves(_ values: [UInt16]) -> [UInt8] { SafetensorsBuilder.littleEndian(values) }

  private func words(_ values: [UInt32]) -> [UInt8] { SafetensorsBuilder.littleEndian(values) }

  private func longs(_ values: [UInt64]) -> [UInt8] { SafetensorsBuilder.littleEndian(values) }
}
