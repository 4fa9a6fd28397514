package import ByteIO
package import DeltaCoding
internal import PatchFormat

/// What a journal says of the change that it is for (Formats/journal.md, section 4).
package struct JournalHeader: Equatable, Sendable {
  package let direction: Direction
  package let batchLimit: Int
  package let slotByteCount: Int
  /// Of the whole patch file.
  package let patchDigest: Digest128
  /// The names of the checkpoint's weight files, all in one folder.
  package let fileNames: [String]

  package static let alignment = 4_096
  /// No limit is above this, and no chunk either.
  package static let largestBatchLimit = 32 << 20
  private static let magic = "gpatchjl"
  private static let version: UInt32 = 1
  private static let fixedByteCount = 56
  private static let digestByteCount = 16
  private static let byteLimit = 1 << 20

  package init(
    direction: Direction, batchLimit: Int, slotByteCount: Int, patchDigest: Digest128,
    fileNames: [String]
  ) {
    self.direction = direction
    self.batchLimit = batchLimit
    self.slotByteCount = slotByteCount
    self.patchDigest = patchDigest
    self.fileNames = fileNames
  }

  /// The first bytes of a journal, digest included.
  package var bytes: [UInt8] {
    var rest: [UInt8] = [direction == .apply ? 0 : 1] + Array(repeating: 0, count: 7)
    rest.appendLittleEndian(UInt64(batchLimit))
    rest.appendLittleEndian(UInt64(slotByteCount))
    rest.append(patchDigest)
    rest.appendVariableLength(fileNames.count)
    for name in fileNames {
      rest.appendVariableLength(name.utf8.count)
      rest += name.utf8
    }
    var bytes = Array(Self.magic.utf8)
    bytes.appendLittleEndian(Self.version)
    bytes.appendLittleEndian(UInt32(bytes.count + 4 + rest.count + Self.digestByteCount))
    bytes += rest
    bytes.append(Digest128(of: bytes.rawSpan))
    return bytes
  }

  /// Where the first slot begins, after the header and its padding.
  package var slotsOffset: Int { Self.aligned(bytes.count) }

  package static func aligned(_ byteCount: Int) -> Int {
    (byteCount + alignment - 1) / alignment * alignment
  }
}

extension JournalHeader {
  /// Reads the header at the start of a journal.
  ///
  /// - Throws: ``FormatError`` if it is none, of another version, or damaged.
  package init(parsing file: RawSpan) throws(FormatError) {
    guard file.hasBytes(of: Self.magic) else {
      throw FormatError(offset: 0, reason: .notThisFormat("this is not a journal"))
    }
    var reader = ByteReader(file)
    _ = try reader.readBytes(Self.magic.utf8.count)
    let version = try reader.read(UInt32.self)
    guard version == Self.version else {
      throw .unsupported(
        "the journal has version \(version), this program reads \(Self.version)", at: 8)
    }
    let byteCount = Int(try reader.read(UInt32.self))
    guard byteCount > Self.fixedByteCount + Self.digestByteCount, byteCount <= Self.byteLimit,
      byteCount <= file.byteCount
    else { throw .corrupt("the journal's header cannot have \(byteCount) bytes", at: 12) }
    let end = byteCount - Self.digestByteCount
    var digestReader = ByteReader(file.extracting(end..<byteCount))
    guard try digestReader.readDigest128() == Digest128(of: file.extracting(0..<end)) else {
      throw .corrupt("the journal's header is damaged", at: end)
    }
    try self.init(fields: file.extracting(0..<end), from: reader.position)
  }

  /// Reads the fields of a header whose digest was right.
  ///
  /// - Parameters:
  ///   - bytes: the header without its digest.
  ///   - position: where the direction is.
  /// - Throws: ``FormatError`` at the first field outside its range.
  private init(fields bytes: RawSpan, from position: Int) throws(FormatError) {
    var reader = ByteReader(bytes)
    _ = try reader.readBytes(position)
    let direction = try reader.read(UInt64.self)
    guard direction <= 1 else {
      throw .corrupt("the journal's direction is \(direction)", at: position)
    }
    self.direction = direction == 0 ? .apply : .strip
    let batchLimit = try reader.read(UInt64.self)
    guard (1...UInt64(Self.largestBatchLimit)).contains(batchLimit) else {
      throw .corrupt("the journal's batches cannot have \(batchLimit) bytes", at: 24)
    }
    self.batchLimit = Int(batchLimit)
    let slotByteCount = try reader.read(UInt64.self)
    let largest = UInt64(Self.alignment + Self.largestBatchLimit)
    guard slotByteCount <= largest, slotByteCount.isMultiple(of: UInt64(Self.alignment)) else {
      throw .corrupt("the journal's slots cannot have \(slotByteCount) bytes", at: 32)
    }
    self.slotByteCount = Int(slotByteCount)
    patchDigest = try reader.readDigest128()
    let count = try reader.readVariableLength()
    guard count > 0, count <= reader.remaining else {
      throw .corrupt("the journal is for \(count) files", at: Self.fixedByteCount)
    }
    var names: [String] = []
    for _ in 0..<count {
      let offset = reader.position
      let name = try reader.readUTF8(try reader.readVariableLength())
      guard Folder.isBareName(name) else {
        throw .corrupt("the journal names a file in another folder", at: offset)
      }
      names.append(name)
    }
    fileNames = names
    guard reader.isAtEnd else {
      throw .corrupt("the journal's header goes on after its fields", at: reader.position)
    }
  }
}

// MARK: - The file

extension JournalHeader {
  private static let ending = ".gradiend-patch-journal"

  /// What the journal of a checkpoint is called whose first weight file is `name`.
  package static func name(for name: String) -> String { ".\(name)\(ending)" }

  /// Whether a file of this name is a journal, told by bytes: the dots may be parts of characters.
  static func isName(_ name: String) -> Bool {
    name.utf8.suffix(ending.utf8.count).elementsEqual(ending.utf8)
  }

  /// The header of the journal at `path`.
  ///
  /// - Returns: nil if there is none.
  /// - Throws: ``PatchError`` of kind `unfinished` if it cannot be read, so that nobody knows what it
  ///   says; of kind `badInput` if it is damaged.
  package static func read(at path: String) throws(PatchError) -> JournalHeader? {
    let file: MappedFile
    do {
      file = try MappedFile(path: path)
    } catch {
      guard error.kind != .missing else { return nil }
      guard error.kind != .exhausted else {
        throw PatchError(.cannotOpen, path: path, error.reason)
      }
      throw PatchError(
        .unfinished, path: path,
        "a change in place may be unfinished here, but its journal cannot be read: \(error.reason)",
        remedy: "finish or undo the change as the user who began it; if the files were replaced "
          + "since, remove this")
    }
    do {
      return try JournalHeader(parsing: file.bytes)
    } catch {
      throw damaged(path, "\(error)")
    }
  }

  /// Says that the journal at `path` is not sound.
  package static func damaged(_ path: String, _ reason: String) -> PatchError {
    PatchError(
      .badInput, path: path, reason, remedy: "copy the checkpoint here again and remove this file")
  }
}
