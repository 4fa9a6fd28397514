internal import ByteIO
internal import PatchEngine

/// The file beside a checkpoint that tells how far a change in place has come
/// (Formats/journal.md).
struct ChangeJournal {
  let path: String
  let header: JournalHeader
  private let file: DiskFile
  private let disk: any Disk
  /// Of the last record that is known to be durable.
  private var sequence = 0

  /// Makes a journal without a record, durable and with all the space that it will need.
  ///
  /// - Throws: ``PatchError``, in particular for a full disk; there is no journal then.
  init(creating header: JournalHeader, at path: String, disk: any Disk) throws(PatchError) {
    self.path = path
    self.header = header
    self.disk = disk
    let byteCount = header.slotsOffset + 2 * header.slotByteCount
    file = try Self.writing(path, needing: byteCount) { () throws(SystemError) in
      let temporary = Self.temporaryPath(path)
      let file = try disk.create(temporary)
      do throws(SystemError) {
        try disk.reserve(byteCount, of: file)
        try disk.write(header.bytes.rawSpan, to: file, at: 0)
        try disk.synchronise(file)
        try disk.rename(temporary, to: path)
      } catch {
        try? disk.remove(temporary)
        throw error
      }
      return file
    }
    try Self.writing(path, needing: byteCount) { () throws(SystemError) in
      do throws(SystemError) {
        try disk.synchroniseFolder(Folder.parent(of: path))
      } catch {
        try? disk.remove(path)
        throw error
      }
    }
  }

  private static func temporaryPath(_ path: String) -> String { path + ".new" }

  /// Opens the journal at `path`, and removes one that was being made.
  ///
  /// - Returns: nil if there is none.
  /// - Throws: ``PatchError`` if it cannot be opened, or is damaged.
  init?(openingAt path: String, disk: any Disk) throws(PatchError) {
    try PatchError.writing(path) { () throws(SystemError) in
      let temporary = Self.temporaryPath(path)
      if FileStatus.exists(temporary) { try disk.remove(temporary) }
    }
    guard let header = try JournalHeader.read(at: path) else { return nil }
    self.path = path
    self.disk = disk
    self.header = header
    file = try PatchError.writing(path) { () throws(SystemError) in try DiskFile(opening: path) }
  }

  /// The last valid record and its contents; later ones follow on it.
  ///
  /// - Throws: ``PatchError`` if the journal cannot be that of these batches.
  mutating func readLastRecord(
    for batches: ChangeBatches
  ) throws(PatchError) -> (record: JournalRecord, contents: [[UInt8]])? {
    guard header.slotByteCount == batches.slotByteCount else {
      throw JournalHeader.damaged(
        path,
        "its slots have \(header.slotByteCount) bytes, the batches of this change take "
          + "\(batches.slotByteCount)")
    }
    let mapped = try PatchError.writing(path) { () throws(SystemError) in
      try MappedFile(path: path)
    }
    var last: (record: JournalRecord, contents: [[UInt8]])?
    for number in 1...2 {
      let start = min(slotOffset(of: number), mapped.byteCount)
      let end = min(start + header.slotByteCount, mapped.byteCount)
      guard let found = JournalRecord.read(mapped.bytes.extracting(start..<end), for: batches),
        (found.record.sequence - number).isMultiple(of: 2)
      else { continue }
      if found.record.sequence > last?.record.sequence ?? 0 { last = found }
    }
    sequence = last?.record.sequence ?? 0
    return last
  }

  /// Writes a record, and returns once it is durable.
  ///
  /// - Throws: ``PatchError``; the next record then takes the same place, as the other slot has the
  ///   last one that is known to be valid.
  mutating func append(
    batch: Int, isForward: Bool, contents: [[UInt8]]
  ) throws(PatchError) {
    let record = JournalRecord(
      sequence: sequence + 1, batch: batch, isForward: isForward, contents: contents)
    let start = slotOffset(of: record.sequence)
    try PatchError.writing(path) { () throws(SystemError) in
      try disk.write(record.bytes.rawSpan, to: file, at: start)
      var offset = start + JournalHeader.alignment
      for bytes in contents {
        try disk.write(bytes.rawSpan, to: file, at: offset)
        offset += bytes.count
      }
      try disk.synchronise(file)
    }
    sequence = record.sequence
  }

  /// Removes the journal: the change is done, or undone.
  func remove() throws(PatchError) {
    try PatchError.writing(path) { () throws(SystemError) in
      try disk.remove(path)
      try disk.synchroniseFolder(Folder.parent(of: path))
    }
  }

  private func slotOffset(of sequence: Int) -> Int {
    header.slotsOffset + (sequence % 2 == 1 ? 0 : header.slotByteCount)
  }

  private static func writing<Result>(
    _ path: String, needing byteCount: Int, _ body: () throws(SystemError) -> Result
  ) throws(PatchError) -> Result {
    do throws(PatchError) {
      return try PatchError.writing(path, body)
    } catch {
      throw PatchError(
        error.kind, path: path, error.message,
        remedy: "the journal of the change takes \(byteCount) bytes here; nothing was changed")
    }
  }
}
