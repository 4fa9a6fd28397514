internal import ByteIO
internal import PatchFormat

/// What a journal says of the change that it is for (Formats/journal.md, section 4).
struct JournalHeader: Equatable, Sendable {
  let direction: CheckpointPatching.Direction
  let batchLimit: Int
  let slotByteCount: Int
  /// Of the whole patch file.
  let patchDigest: Digest128
  /// The names of the checkpoint's weight files, all in one folder.
  let fileNames: [String]

  static let alignment = 4_096
  private static let magic = "gpatchjl"
  private static let version: UInt32 = 1
  private static let fixedByteCount = 56
  private static let digestByteCount = 16
  private static let byteLimit = 1 << 20

  /// The first bytes of a journal, digest included.
  var bytes: [UInt8] {
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
  var slotsOffset: Int { Self.aligned(bytes.count) }

  static func aligned(_ byteCount: Int) -> Int {
    (byteCount + alignment - 1) / alignment * alignment
  }
}

extension JournalHeader {
  /// Reads the header at the start of a journal.
  ///
  /// - Throws: ``FormatError`` if it is none, of another version, or damaged.
  init(parsing file: RawSpan) throws(FormatError) {
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
    guard (1...UInt64(ChangeBatches.largestLimit)).contains(batchLimit) else {
      throw .corrupt("the journal's batches cannot have \(batchLimit) bytes", at: 24)
    }
    self.batchLimit = Int(batchLimit)
    let slotByteCount = try reader.read(UInt64.self)
    let largest = UInt64(Self.alignment + ChangeBatches.largestLimit)
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
