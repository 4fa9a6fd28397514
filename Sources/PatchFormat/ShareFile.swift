package import ByteIO
package import Checkpoints

/// Whose work a file of a share is (Formats/share.md, section 2).
package struct ShareHeader: Equatable, Sendable {
  package enum Kind: String, Sendable {
    /// What `create` and `diff` write.
    case piece = "gradiend-patch-piece"
    /// What `apply` and `strip` write beside weights.
    case receipt = "gradiend-patch-receipt"

    /// What messages call it.
    package var name: String { self == .piece ? "piece" : "receipt" }

    /// What to say where there should be a patch.
    var isNoPatch: String {
      switch self {
      case .piece: "this is a piece of a patch, of one share of the work; join all pieces first"
      case .receipt: "this is the receipt of a share of a model, and no patch"
      }
    }
  }

  package let kind: Kind
  /// From 1 to ``count``.
  package let number: Int
  package let count: Int
  /// What all shares of one run say alike.
  package let agreed: [SafetensorsHeader.Metadatum]

  private static let version = "1.0"
  /// How many shares there can be.
  package static let countLimit = 100_000

  package init(
    _ kind: Kind, number: Int, of count: Int, agreed: [SafetensorsHeader.Metadatum]
  ) {
    (self.kind, self.number, self.count, self.agreed) = (kind, number, count, agreed)
  }

  /// - Throws: ``FormatError`` if this is of no share, or of another version.
  init(parsing header: SafetensorsHeader) throws(FormatError) {
    guard let kind = header.metadata("format").flatMap(Kind.init(rawValue:)) else {
      throw FormatError(
        offset: 8,
        reason: .notThisFormat(
          "this is a safetensors file, but no piece and no receipt of a share; a whole patch needs no join"
        )
      )
    }
    self.kind = kind
    var fields = MetadataFields(header.metadata, of: kind.name)
    let version = try fields.require("format_version")
    guard version == Self.version else {
      throw .unsupported(
        "the \(kind.name) has format version \(version), this program reads \(Self.version)", at: 8)
    }
    number = try fields.requireCount("share")
    count = try fields.requireCount("shares")
    guard number > 0, number <= count, count <= Self.countLimit else {
      throw .corrupt("the \(kind.name) is of share \(number) of \(count)", at: 8)
    }
    let own: Set<String> = ["format", "format_version", "share", "shares"]
    agreed = header.metadata.filter { !own.contains($0.key) }
  }

  /// As a header has them.
  var entries: [SafetensorsHeader.Metadatum] {
    [
      .init("format", kind.rawValue), .init("format_version", Self.version),
      .init("share", "\(number)"), .init("shares", "\(count)"),
    ] + agreed
  }
}

/// What a share of the work leaves for the step that puts all together: laid out as a patch, with another
/// index (Formats/share.md).
package struct ShareFile: Sendable {
  package let path: String
  package let header: ShareHeader
  package let file: MappedFile
  package let deltasByteRange: Range<Int>
  package let deltasDigest: Digest128
  package let layouts: PatchLayouts?
  /// The index without the digests before it.
  package let table: [UInt8]

  /// Opens the file at `path`, and checks every digest but that of `deltas`.
  ///
  /// - Throws: ``CheckpointError`` if it cannot be opened, is of no share, or is damaged.
  package init(path: String) throws(CheckpointError) {
    self.path = path
    let file = try CheckpointError.attributing(path) { () throws(SystemError) in
      try MappedFile(path: path)
    }
    self.file = file
    let parsed = try CheckpointError.attributing(path) { () throws(FormatError) in
      try Self.parse(file.bytes)
    }
    header = parsed.header
    (deltasByteRange, layouts) = (parsed.parts.deltas, parsed.parts.layouts)
    (deltasDigest, table) = (parsed.deltasDigest, parsed.table)
  }

  private static func parse(
    _ bytes: RawSpan
  ) throws(FormatError) -> (
    header: ShareHeader, parts: PatchParts, deltasDigest: Digest128, table: [UInt8]
  ) {
    let header = try SafetensorsHeader(parsing: bytes)
    let share = try ShareHeader(parsing: header)
    let name = share.kind.name
    let parts = try PatchParts(header, bytes, of: "a \(name)")
    do throws(FormatError) {
      let table = try TableFrame.unpack(
        bytes.extracting(parts.index), of: "the \(name)'s index", remedy: "run its share again")
      var reader = ByteReader(table.rawSpan)
      guard try reader.readDigest128() == PatchMetadata.digest(of: header.metadata) else {
        throw .corrupt("the \(name)'s metadata are damaged; run its share again", at: 0)
      }
      let deltasDigest = try reader.readDigest128()
      return (share, parts, deltasDigest, Array(table.dropFirst(reader.position)))
    } catch {
      throw error.shifted(by: parts.index.lowerBound)
    }
  }
}

extension PatchWriter {
  /// Begins the file of a share at `path`, as that of a patch.
  package init(
    path: String, overwrites: Bool, of share: ShareHeader, hasLayouts: Bool = false
  ) throws(SystemError) {
    try self.init(
      path: path, overwrites: overwrites, reserving: share.entries, hasLayouts: hasLayouts)
  }

  /// Writes index and header of the file of a share, syncs it and gives it its name.
  ///
  /// - Returns: the length of the file in bytes.
  /// - Throws: ``SystemError``; nothing then has the final name.
  package func finish(
    _ share: ShareHeader, layouts: PatchLayouts? = nil, table: [UInt8]
  ) throws(SystemError) -> Int {
    try finish(share.entries, layouts: layouts) { metadata, deltas in
      var index: [UInt8] = []
      index.append(metadata)
      index.append(deltas)
      return TableFrame.pack(index + table)
    }
  }
}
