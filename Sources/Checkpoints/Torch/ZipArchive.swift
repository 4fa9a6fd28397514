internal import ByteIO

/// The entries of a zip archive whose members are stored as they are, as `torch.save` writes it.
///
/// The central directory alone says what there is. Whatever two readers could read in two ways is
/// refused: doubled names, entries that share bytes, bytes behind the end, and all compression.
struct ZipArchive {
  struct Entry: Equatable {
    /// Never a path: nothing is unpacked.
    let name: String
    /// The contents, counted from the start of the file.
    let byteRange: Range<Int>
  }

  /// In the order of the central directory.
  let entries: [Entry]
  private let positions: [String: Int]

  /// Reads the directory of the archive that `file` is from its first byte to its last.
  ///
  /// - Throws: ``FormatError`` at the record that is wrong.
  /// - Complexity: O(n log n) in the number of entries, each of which takes 46 bytes of the file.
  init(parsing file: RawSpan) throws(FormatError) {
    let directory = try ZipDirectory(locatedIn: file)
    var reader = ByteReader(file.extracting(directory.byteRange))
    var entries: [Entry] = []
    var extents: [Range<Int>] = []
    var positions: [String: Int] = [:]
    for _ in 0..<directory.entryCount {
      let offset = directory.byteRange.lowerBound + reader.position
      let record: ZipRecord
      do {
        record = try ZipRecord(parsing: &reader)
      } catch {
        throw error.shifted(by: directory.byteRange.lowerBound)
      }
      guard Self.isPlain(record.name) else {
        throw .corrupt("the archive holds an entry named '\(record.name)'", at: offset)
      }
      guard positions.updateValue(entries.count, forKey: record.name) == nil else {
        throw .corrupt("the archive holds '\(record.name)' twice", at: offset)
      }
      let contents = try record.locate(in: file, before: directory.byteRange.lowerBound)
      entries.append(Entry(name: record.name, byteRange: contents))
      extents.append(record.localOffset..<contents.upperBound)
    }
    guard reader.isAtEnd else {
      throw .corrupt(
        "the archive's directory is longer than its entries",
        at: directory.byteRange.lowerBound + reader.position)
    }
    extents.sort { $0.lowerBound < $1.lowerBound }
    for (first, second) in zip(extents, extents.dropFirst())
    where first.upperBound > second.lowerBound {
      throw .corrupt("two entries of the archive overlap", at: second.lowerBound)
    }
    self.entries = entries
    self.positions = positions
  }

  /// The entry with this name.
  subscript(name: String) -> Entry? { positions[name].map { entries[$0] } }

  /// Whether no part of `name` would lead anywhere, were it a path.
  private static func isPlain(_ name: String) -> Bool {
    !name.utf8.contains { $0 < 0x20 || $0 == UInt8(ascii: "\\") }
      && Folder.components(of: name).allSatisfy(Folder.isBareName)
  }
}

/// What the central directory says of an entry.
private struct ZipRecord {
  let name: String
  let byteCount: Int
  let localOffset: Int

  private static let localSignature: UInt32 = 0x0403_4B50
  private static let centralSignature: UInt32 = 0x0201_4B50

  init(parsing reader: inout ByteReader) throws(FormatError) {
    let start = reader.position
    guard try reader.read(UInt32.self) == Self.centralSignature else {
      throw .corrupt("an entry of the archive's directory does not begin as one", at: start)
    }
    _ = try reader.readBytes(4)  // versions
    let flags = try reader.read(UInt16.self)
    let method = try reader.read(UInt16.self)
    _ = try reader.readBytes(8)  // time, date, CRC-32
    var sizes = (
      stored: UInt64(try reader.read(UInt32.self)), original: UInt64(try reader.read(UInt32.self))
    )
    let nameByteCount = Int(try reader.read(UInt16.self))
    let extraByteCount = Int(try reader.read(UInt16.self))
    let commentByteCount = Int(try reader.read(UInt16.self))
    let disk = try reader.read(UInt16.self)
    _ = try reader.readBytes(6)  // attributes
    var offset = UInt64(try reader.read(UInt32.self))
    name = try reader.readUTF8(nameByteCount)
    var extra = ByteReader(try reader.readBytes(extraByteCount))
    _ = try reader.readBytes(commentByteCount)
    try Self.widen(&sizes.original, &sizes.stored, &offset, from: &extra, at: start)

    guard method == 0 else {
      throw .unsupported(
        "the archive's entry '\(name)' is compressed; torch.save stores its entries", at: start)
    }
    // Bit 3: sizes follow the contents, which the directory repeats. Bit 11: names are UTF-8.
    guard flags & ~0x0808 == 0, disk == 0 else {
      throw .unsupported(
        "the archive's entry '\(name)' is encrypted, or in another file", at: start)
    }
    guard sizes.stored == sizes.original, let byteCount = Int(exactly: sizes.stored),
      let localOffset = Int(exactly: offset)
    else {
      throw .corrupt("the archive's entry '\(name)' has impossible sizes", at: start)
    }
    self.byteCount = byteCount
    self.localOffset = localOffset
  }

  /// Takes the values that did not fit 32 bits from the extra field of type 1.
  private static func widen(
    _ original: inout UInt64, _ stored: inout UInt64, _ offset: inout UInt64,
    from extra: inout ByteReader, at start: Int
  ) throws(FormatError) {
    let full = UInt64(UInt32.max)
    guard [original, stored, offset].contains(full) else { return }
    do {
      while !extra.isAtEnd {
        let type = try extra.read(UInt16.self)
        let byteCount = Int(try extra.read(UInt16.self))
        guard type == 1 else {
          _ = try extra.readBytes(byteCount)
          continue
        }
        if original == full { original = try extra.read(UInt64.self) }
        if stored == full { stored = try extra.read(UInt64.self) }
        if offset == full { offset = try extra.read(UInt64.self) }
        return
      }
    } catch {}
    throw .corrupt("a long entry of the archive lacks its 64-bit sizes", at: start)
  }

  /// Where the contents lie: behind the local header, which must be that of the same entry.
  func locate(in file: RawSpan, before end: Int) throws(FormatError) -> Range<Int> {
    let fault = FormatError.corrupt(
      "the archive's entry '\(name)' is not where the directory says", at: localOffset)
    guard localOffset <= end else { throw fault }
    var reader = ByteReader(file.extracting(localOffset..<end))
    do {
      guard try reader.read(UInt32.self) == Self.localSignature else { throw fault }
      _ = try reader.readBytes(4)  // version, flags
      let method = try reader.read(UInt16.self)
      _ = try reader.readBytes(16)  // time, date, CRC-32, sizes
      let nameByteCount = Int(try reader.read(UInt16.self))
      let extraByteCount = Int(try reader.read(UInt16.self))
      let localName = try reader.readUTF8(nameByteCount)
      guard method == 0, localName == name else { throw fault }
      _ = try reader.readBytes(extraByteCount)
      let start = localOffset + reader.position
      _ = try reader.readBytes(byteCount)
      return start..<start + byteCount
    } catch {
      throw fault
    }
  }
}
