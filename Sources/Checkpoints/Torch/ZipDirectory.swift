internal import ByteIO

/// Where the central directory of a zip archive lies, as the records at the archive's end say.
struct ZipDirectory {
  let byteRange: Range<Int>
  let entryCount: Int

  private static let endSignature: UInt32 = 0x0605_4B50
  private static let endByteCount = 22
  private static let wideEndSignature: UInt32 = 0x0606_4B50
  private static let wideEndByteCount = 56
  private static let locatorSignature: UInt32 = 0x0706_4B50
  private static let locatorByteCount = 20
  /// The smallest entry of a directory, one without a name.
  private static let recordByteCount = 46

  /// Reads the last bytes of `file`, and the 64-bit record before them if there is one.
  ///
  /// The directory must end where those records begin, so that no byte belongs to nobody.
  ///
  /// - Throws: ``FormatError``. An archive with a comment is refused: its end could be in doubt.
  init(locatedIn file: RawSpan) throws(FormatError) {
    let endStart = file.byteCount - Self.endByteCount
    guard endStart >= 0 else { throw Self.missingEnd(at: 0) }
    var reader = ByteReader(file.extracting(endStart..<file.byteCount))
    guard try reader.read(UInt32.self) == Self.endSignature else {
      throw Self.missingEnd(at: endStart)
    }
    let disks = try reader.read(UInt32.self)
    let counts = (try reader.read(UInt16.self), try reader.read(UInt16.self))
    let byteCount = try reader.read(UInt32.self)
    let start = try reader.read(UInt32.self)
    let commentByteCount = try reader.read(UInt16.self)
    guard disks == 0, counts.0 == counts.1, commentByteCount == 0 else {
      throw .corrupt("the archive's end does not describe one whole file", at: endStart)
    }
    var fields = Fields(
      count: UInt64(counts.0), byteCount: UInt64(byteCount), start: UInt64(start))
    var end = endStart
    if let wide = try Self.wideEnd(of: file, before: endStart) {
      guard fields.agrees(with: wide.fields) else {
        throw .corrupt("the archive's two end records contradict each other", at: endStart)
      }
      (fields, end) = (wide.fields, wide.start)
    }
    guard let first = Int(exactly: fields.start), let length = Int(exactly: fields.byteCount),
      first <= end, length == end - first, let count = Int(exactly: fields.count),
      count <= length / Self.recordByteCount
    else {
      throw .corrupt("the archive's directory is not where its end says", at: endStart)
    }
    byteRange = first..<end
    entryCount = count
  }

  private struct Fields {
    let count: UInt64
    let byteCount: UInt64
    let start: UInt64

    /// Whether each field is the one of `wide`, or says that only that one holds.
    func agrees(with wide: Fields) -> Bool {
      (count == wide.count || count == UInt64(UInt16.max))
        && (byteCount == wide.byteCount || byteCount == UInt64(UInt32.max))
        && (start == wide.start || start == UInt64(UInt32.max))
    }
  }

  /// The 64-bit end record, if its locator lies right before the 32-bit one.
  private static func wideEnd(
    of file: RawSpan, before end: Int
  ) throws(FormatError) -> (fields: Fields, start: Int)? {
    let locatorStart = end - locatorByteCount
    guard locatorStart >= 0 else { return nil }
    var locator = ByteReader(file.extracting(locatorStart..<end))
    guard try locator.read(UInt32.self) == locatorSignature else { return nil }
    let fault = FormatError.corrupt("the archive's 64-bit end record is damaged", at: locatorStart)
    let recordStart = locatorStart - wideEndByteCount
    guard recordStart >= 0, try locator.read(UInt32.self) == 0,
      try locator.read(UInt64.self) == UInt64(recordStart), try locator.read(UInt32.self) == 1
    else { throw fault }
    var record = ByteReader(file.extracting(recordStart..<locatorStart))
    guard try record.read(UInt32.self) == wideEndSignature,
      try record.read(UInt64.self) == UInt64(wideEndByteCount - 12)
    else { throw fault }
    _ = try record.read(UInt32.self)  // versions
    let disks = try record.read(UInt64.self)
    let counts = (try record.read(UInt64.self), try record.read(UInt64.self))
    guard disks == 0, counts.0 == counts.1 else { throw fault }
    let byteCount = try record.read(UInt64.self)
    return (
      Fields(count: counts.0, byteCount: byteCount, start: try record.read(UInt64.self)),
      recordStart
    )
  }

  private static func missingEnd(at offset: Int) -> FormatError {
    .corrupt(
      "the archive's end is missing: the file is incomplete or has something behind it; "
        + "download it again", at: offset)
  }
}
