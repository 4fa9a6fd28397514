internal import ByteIO
internal import Checkpoints
internal import PatchFormat

// What all pieces of one run say alike (Formats/share.md, section 3).

extension PatchSubject {
  /// - Parameters:
  ///   - programVersion: of this program: another may code chunks in another way.
  ///   - base: the base.
  ///   - result: the result, if it is there already.
  ///   - gradiends: the lengths of the parts of each GRADIEND.
  /// - Returns: what metadata say.
  func agreed(
    programVersion: String, base: Checkpoint, result: Checkpoint?, gradiends: [[Int]]
  ) -> [SafetensorsHeader.Metadatum] {
    // Nobody knows these yet.
    var entries = PatchMetadata.entries(source, origins).filter { $0.key != "gradiend_digest" }
    entries.insert(.init("program_version", programVersion), at: 0)
    if !gradiends.isEmpty {
      let lines = gradiends.map { $0.map(String.init).joined(separator: ",") }
      entries.append(.init("gradiend_bytes", lines.joined(separator: "\n")))
    }
    if maxRelativeError > 0 { entries.append(.init("max_relative_error", "\(maxRelativeError)")) }
    entries += [
      .init("base_headers", "\(base.headersDigest)"), .init("base_files", "\(base.files.count)"),
      .init("base_bytes", "\(baseByteCount)"), .init("tensors", "\(tensorCount)"),
      .init("elements", "\(elementCount)"),
    ]
    if let result { entries.append(.init("result_headers", "\(result.headersDigest)")) }
    if hasLayouts { entries.append(.init("layouts", "result")) }
    return entries
  }

  /// Reads what metadata say.
  ///
  /// - Parameters:
  ///   - agreed: the metadata.
  ///   - path: of a file that has them, for messages.
  ///   - fileNames: of the base.
  ///   - digest: gives the digest of each GRADIEND from the lengths of its parts.
  /// - Throws: ``FormatError`` if they lack something; ``PatchError`` from `digest`.
  init(
    parsing agreed: [SafetensorsHeader.Metadatum], at path: String, fileNames: [String],
    _ digest: (_ number: Int, _ byteCounts: [Int]) throws(PatchError) -> Digest128
  ) throws(PatchError) {
    let lines = agreed.first { $0.key == "gradiend_bytes" }.map { $0.value.byteCounts } ?? []
    var digests: [String] = []
    for (number, byteCounts) in lines.enumerated() {
      digests.append("\(try digest(number, byteCounts))")
    }
    do throws(FormatError) {
      var fields = MetadataFields(
        agreed + [.init("gradiend_digest", digests.joined(separator: "\n"))], of: "piece")
      (source, origins) = try fields.takeSource()
      if source == .diff { _ = fields.take("gradiend_digest") }
      for key in [
        "program_version", "base_headers", source == .diff ? "result_headers" : "gradiend_bytes",
      ] { _ = try fields.require(key) }
      let maxRelativeError = fields.take("max_relative_error").map { Double($0) ?? .nan } ?? 0
      guard (0..<1).contains(maxRelativeError) else {
        throw .corrupt("the piece's metadata allow no relative error that can be", at: 8)
      }
      self.maxRelativeError = maxRelativeError
      let fileCount = try fields.requireCount("base_files")
      guard fileCount == fileNames.count else {
        throw .corrupt(
          "the pieces' metadata state \(fileCount) files, they hold \(fileNames.count)", at: 8)
      }
      self.fileNames = fileNames
      baseByteCount = try fields.requireCount("base_bytes")
      tensorCount = try fields.requireCount("tensors")
      elementCount = try fields.requireCount("elements")
      hasLayouts = fields.take("layouts") != nil
      try fields.checkEmpty(version: "1.0")
    } catch {
      throw PatchError(.badInput, path: path, "\(error)")
    }
  }
}

extension String {
  /// Lines of numbers between commas; a number that is none, or below 0, is -1.
  fileprivate var byteCounts: [[Int]] {
    split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.split(separator: ",", omittingEmptySubsequences: false).map {
        max(-1, Int($0) ?? -1)
      }
    }
  }
}

extension Checkpoint {
  /// The digest of what all shares see of a checkpoint: names, headers and configuration.
  var headersDigest: Digest128 {
    var bytes: [UInt8] = []
    for file in files { bytes.appendText(file.name) }
    bytes += CheckpointLayout(self).encoded
    bytes.appendText(configuration?.text ?? "")
    return Digest128(of: bytes.rawSpan)
  }
}
