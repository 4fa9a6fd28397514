package import ByteIO
package import Checkpoints

/// What a patch says of itself in its header (Formats/patch.md, section 3).
package struct PatchMetadata: Equatable, Sendable {
  /// Where the result's values came from.
  package enum Source: Equatable, Sendable {
    /// Computed: the base and the sum of these, at least one, in their order.
    case gradiend([Update], part: String)
    case diff
  }

  /// What was computed from a GRADIEND checkpoint.
  package struct Update: Equatable, Sendable {
    /// Nil for a part that ignores them.
    package var featureFactors: String?
    package var learningRate: String
    package var gradiendDigest: String
    /// Nil where the GRADIEND does not tell, or the part ignores feature factors.
    package var featureClasses: FeatureClasses?
    /// Where on the Hub the GRADIEND comes from, if that is known.
    package var origin: Provenance?

    package init(
      featureFactors: String?, learningRate: String, gradiendDigest: String,
      featureClasses: FeatureClasses? = nil, origin: Provenance? = nil
    ) {
      self.featureFactors = featureFactors
      self.learningRate = learningRate
      self.gradiendDigest = gradiendDigest
      self.featureClasses = featureClasses
      self.origin = origin
    }
  }

  /// What is known of one of the two checkpoints.
  package struct Identity: Equatable, Sendable {
    /// Its weight files, in the order of their names.
    package var files: [FileDigest]
    package var digest: String

    package init(files: [FileDigest], digest: String) {
      self.files = files
      self.digest = digest
    }

    /// Whether files have these digests, one after the other. People change their names.
    package func holds(_ others: [FileDigest]) -> Bool {
      files.map(\.sha256) == others.map(\.sha256)
    }
  }

  /// How coarse the update of a bounded patch is, as RMS of the error over RMS of the update.
  package struct Precision: Equatable, Sendable {
    /// What was allowed in each tensor.
    package var maxRelativeError: String
    /// The largest that any tensor has.
    package var relativeError: String

    package init(maxRelativeError: String, relativeError: String) {
      self.maxRelativeError = maxRelativeError
      self.relativeError = relativeError
    }
  }

  /// Where on the Hub the two checkpoints come from, as far as that is known.
  package struct Origins: Equatable, Sendable {
    package var base: Provenance?
    package var result: Provenance?

    package init(base: Provenance? = nil, result: Provenance? = nil) {
      self.base = base
      self.result = result
    }
  }

  /// What rounding to the base's types keeps of an update that was computed (Formats/patch.md, section
  /// 3.4).
  package struct Rounding: Equatable, Sendable {
    package var cosine: String
    package var normShare: String

    package init(cosine: String, normShare: String) {
      self.cosine = cosine
      self.normShare = normShare
    }
  }

  package var source: Source
  package var origins: Origins
  /// Nil in an exact patch.
  package var precision: Precision?
  /// Nil where nobody measured it.
  package var rounding: Rounding?
  package var base: Identity
  package var result: Identity
  package var tensorCount: Int
  package var elementCount: Int
  package var changedTensorCount: Int
  package var changedElementCount: Int

  package init(
    source: Source, origins: Origins = Origins(), precision: Precision? = nil,
    rounding: Rounding? = nil,
    base: Identity,
    result: Identity, tensorCount: Int, elementCount: Int, changedTensorCount: Int,
    changedElementCount: Int
  ) {
    self.source = source
    self.origins = origins
    self.precision = precision
    self.rounding = rounding
    self.base = base
    self.result = result
    self.tensorCount = tensorCount
    self.elementCount = elementCount
    self.changedTensorCount = changedTensorCount
    self.changedElementCount = changedElementCount
  }

  package static let format = Checkpoint.File.patchMark.value
  static let version = (major: 1, minor: 0)

  /// The metadata in the order in which people read it.
  package var entries: [SafetensorsHeader.Metadatum] {
    var entries: [SafetensorsHeader.Metadatum] = [
      .init("format", Self.format),
      .init("format_version", "\(Self.version.major).\(Self.version.minor)"),
    ]
    switch source {
    case .diff: entries.append(.init("source", "diff"))
    case .gradiend(let updates, let part):
      entries.append(.init("source", "gradiend"))
      entries += Self.entries(of: updates, part: part)
    }
    for (key, origin) in [("base", origins.base), ("result", origins.result)] {
      guard let origin else { continue }
      entries += Self.entries(of: [origin], key)
    }
    if let precision {
      entries += [
        .init("max_relative_error", precision.maxRelativeError),
        .init("relative_error", precision.relativeError),
      ]
    }
    if let rounding {
      entries += [
        .init("update_cosine", rounding.cosine), .init("update_norm_share", rounding.normShare),
      ]
    }
    entries += [
      .init("base_sha256", base.files.lines),
      .init("result_sha256", result.files.lines),
      .init("base_digest", base.digest),
      .init("result_digest", result.digest),
      .init("tensors", String(tensorCount)),
      .init("elements", String(elementCount)),
      .init("changed_tensors", String(changedTensorCount)),
      .init("changed_elements", String(changedElementCount)),
    ]
    return entries
  }

  /// Reads the metadata of a patch.
  ///
  /// - Throws: ``FormatError`` if this is no patch, one of a newer version, or lacks or adds a key.
  package init(parsing header: SafetensorsHeader) throws(FormatError) {
    var fields = MetadataFields(header.metadata, of: "patch")
    guard fields.take("format") == Self.format else {
      throw FormatError(
        offset: 8,
        reason: .notThisFormat(
          "this is a safetensors file, but not a patch: its metadata do not say format: "
            + Self.format))
    }
    let version = try fields.require("format_version")
    guard Self.isReadable(version) else {
      throw .unsupported(
        "the patch has format version \(version), this program reads "
          + "\(Self.version.major).\(Self.version.minor); use a newer gradiend-patch", at: 8)
    }
    switch try fields.require("source") {
    case "diff": source = .diff
    case "gradiend": source = try fields.takeComputed()
    case let other: throw .unsupported("the patch has source '\(other)'", at: 8)
    }
    origins = Origins(base: try fields.takeOrigins("base", count: 1)[0])
    if source == .diff { origins.result = try fields.takeOrigins("result", count: 1)[0] }
    if let maxRelativeError = fields.take("max_relative_error") {
      precision = Precision(
        maxRelativeError: maxRelativeError, relativeError: try fields.require("relative_error"))
    }
    if source != .diff, let cosine = fields.take("update_cosine") {
      rounding = Rounding(cosine: cosine, normShare: try fields.require("update_norm_share"))
    }
    base = Identity(
      files: try fields.requireFiles("base_sha256"), digest: try fields.require("base_digest"))
    result = Identity(
      files: try fields.requireFiles("result_sha256"), digest: try fields.require("result_digest"))
    tensorCount = try fields.requireCount("tensors")
    elementCount = try fields.requireCount("elements")
    changedTensorCount = try fields.requireCount("changed_tensors")
    changedElementCount = try fields.requireCount("changed_elements")
    try fields.checkEmpty(version: version)
  }

  /// Whether `version` is a number of this major version and any minor one.
  private static func isReadable(_ version: String) -> Bool {
    let parts = version.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 2 && parts[0] == "\(Self.version.major)"
      && Int(parts[1]).map { $0 >= 0 && String($0) == parts[1] } ?? false
  }

  /// XXH3-128 over the entries in the order of their keys (Formats/patch.md, section 4).
  static func digest(of entries: [SafetensorsHeader.Metadatum]) -> Digest128 {
    var bytes: [UInt8] = []
    for entry in entries.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      bytes.appendText(entry.key)
      bytes.appendText(entry.value)
    }
    return Digest128(of: bytes.rawSpan)
  }
}
