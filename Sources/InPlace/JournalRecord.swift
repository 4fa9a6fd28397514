internal import ByteIO
internal import PatchEngine
internal import PatchFormat

/// The head of a slot of a journal (Formats/journal.md, section 4).
struct JournalRecord: Equatable, Sendable {
  /// From 1 to ``largestSequence``.
  let sequence: Int
  let batch: Int
  /// The boundary once the contents are in the files.
  let boundary: Int
  let byteCount: Int
  let digest: Digest128

  static let byteCount = 56
  /// More than any change takes, so that there is always a next one.
  private static let largestSequence = 1 << 62

  /// The record for one step of batch `batch`: towards the output, or back.
  init(
    sequence: Int, batch: Int, isForward: Bool, contents: [[UInt8]]
  ) {
    self.sequence = sequence
    self.batch = batch
    boundary = isForward ? batch + 1 : batch
    byteCount = contents.reduce(0) { $0 + $1.count }
    let running = RunningDigest128()
    for bytes in contents { running.update(bytes.rawSpan) }
    digest = running.finish()
  }

  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    for field in [sequence, batch, boundary, byteCount] {
      bytes.appendLittleEndian(UInt64(field))
    }
    bytes.append(digest)
    bytes.appendLittleEndian(Digest64(of: bytes.rawSpan).value)
    return bytes
  }

  /// Reads a record and its contents.
  ///
  /// - Parameters:
  ///   - slot: the bytes of a slot, as far as the file has them.
  ///   - batches: what the contents must fit.
  /// - Returns: nil if there is no valid record, as in a slot that was not written to its end.
  static func read(
    _ slot: RawSpan, for batches: ChangeBatches
  ) -> (record: JournalRecord, contents: [[UInt8]])? {
    guard let record = try? JournalRecord(parsing: slot),
      record.batch < batches.count, record.byteCount == batches.byteCount(of: record.batch),
      record.byteCount <= slot.byteCount - JournalHeader.alignment
    else { return nil }
    let start = JournalHeader.alignment
    let contents = slot.extracting(start..<start + record.byteCount)
    guard Digest128(of: contents) == record.digest else { return nil }
    var position = 0
    let items = batches.chunks(of: record.batch).map { item in
      defer { position += item.byteRange.count }
      return contents.extracting(position..<position + item.byteRange.count).array
    }
    return (record, items)
  }

  /// - Throws: ``FormatError`` if there is none.
  private init(parsing slot: RawSpan) throws(FormatError) {
    var reader = ByteReader(slot)
    var fields: [Int] = []
    for _ in 0..<4 {
      guard let field = Int(exactly: try reader.read(UInt64.self)) else {
        throw .corrupt("a field is too large", at: reader.position)
      }
      fields.append(field)
    }
    (sequence, batch, boundary, byteCount) = (fields[0], fields[1], fields[2], fields[3])
    digest = try reader.readDigest128()
    let end = reader.position
    guard try reader.read(UInt64.self) == Digest64(of: slot.extracting(0..<end)).value,
      1...Self.largestSequence ~= sequence, boundary == batch || boundary - 1 == batch
    else { throw .corrupt("there is no record here", at: 0) }
  }
}
