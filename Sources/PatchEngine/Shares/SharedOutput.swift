internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import PatchFormat

/// The folder beside an output in which shares of it lie until all are there (Formats/share.md, section 4).
struct SharedOutput {
  /// Of the folder.
  let path: String
  /// What all shares of one run say alike.
  let agreed: [SafetensorsHeader.Metadatum]
  /// What files of this run are called by, so that those of another are never taken for them.
  private let tag: Digest64

  private static let ending = ".part"

  init(of patching: ModelPatching) {
    path = Self.path(of: patching.output)
    var entries: [SafetensorsHeader.Metadatum] = [
      .init("command", patching.direction.command),
      .init("input_headers", "\(patching.input.headersDigest)"),
      .init(
        "patches", patching.patches.patches.map { "\($0.contentsDigest)" }.joined(separator: "\n")),
    ]
    if patching.valuesOnly { entries.append(.init("values_only", "true")) }
    if patching.checksSHA256 { entries.append(.init("sha256", "true")) }
    agreed = entries
    var bytes: [UInt8] = []
    for entry in entries {
      bytes.appendText(entry.key)
      bytes.appendText(entry.value)
    }
    tag = Digest64(of: bytes.rawSpan)
  }

  static func path(of output: String) -> String { Folder.trimmed(output) + ".shares" }

  /// Where a weight file is until the whole is there: under no name that anybody takes for weights.
  func weights(_ name: String) -> String { Folder.join(path, "\(name).\(tag)\(Self.ending)") }

  func receipt(of share: Share) -> String { Folder.join(path, share.name(of: .receipt)) }

  func header(_ share: Share) -> ShareHeader {
    ShareHeader(.receipt, number: share.index, of: share.count, agreed: agreed)
  }

  typealias Receipt = (file: ShareFile, receipt: ShareReceipt)

  /// The receipts of all shares, in their order.
  ///
  /// - Throws: ``PatchError`` naming one that is missing, damaged, or of another run.
  func complete() throws(PatchError) -> [Receipt] {
    let names: [String]
    do {
      names = try Folder.names(in: path).filter(Self.isReceipt)
    } catch {
      throw PatchError(
        .cannotOpen, path: path, "no share of this output is here: \(error.reason)",
        remedy: "run all shares first")
    }
    let files = try names.map { (name) throws(PatchError) in
      try PatchError.opening { () throws(CheckpointError) in
        try ShareFile(path: Folder.join(path, name))
      }
    }
    for file in files {
      let own = ShareHeader(
        .receipt, number: file.header.number, of: file.header.count, agreed: agreed)
      guard let fault = file.header.difference(from: own) else { continue }
      throw PatchError(
        .badInput, path: file.path, "this share was run with other inputs or options: \(fault)",
        remedy:
          "name the same, or run the share again; if it is of another division, remove the receipt")
    }
    return try ShareSet(files, .receipt, in: path).files.map { (file) throws(PatchError) in
      do {
        return (file, try ShareReceipt(parsing: file.table.rawSpan))
      } catch {
        throw Self.damaged(file.path, "the receipt's index: \(error)")
      }
    }
  }

  static func damaged(_ path: String, _ message: String) -> PatchError {
    PatchError(.badInput, path: path, message, remedy: "run this share again")
  }

  private static func isReceipt(_ name: String) -> Bool {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == ShareHeader.Kind.receipt.name, parts[2] == "of" else {
      return false
    }
    return [parts[1], parts[3]].allSatisfy { $0.allSatisfy(\.isNumber) && !$0.isEmpty }
  }

  /// Whether this is what ``weights(_:)`` calls a file, of this run or another.
  private static func isWeights(_ name: String) -> Bool {
    guard name.hasSuffix(ending) else { return false }
    let tag = name.dropLast(ending.count).suffix(17)
    return tag.count == 17 && tag.first == "." && tag.dropFirst().allSatisfy(\.isHexDigit)
  }

  /// Removes what shares wrote; what is not theirs stays, and the folder with it.
  func remove() {
    for name in (try? Folder.names(in: path)) ?? []
    where Self.isReceipt(name) || Self.isWeights(name) {
      try? Folder.removeFile(Folder.join(path, name))
    }
    Folder.removeIfEmpty(path)
  }
}

extension PatchFile {
  /// The digest of all that the patch is: its index has those of metadata and deltas.
  fileprivate var contentsDigest: Digest128 {
    Digest128(of: file, in: deltasByteRange.upperBound..<file.byteCount)
  }
}
