package import ByteIO
package import Checkpoints
package import PatchFormat

/// What an adapter says of itself, in its configuration and the metadata of its factors
/// (Formats/adapter.md, section 6).
package struct AdapterDescription: Sendable {
  /// What was measured of a module or a tensor.
  package struct Figure: Sendable {
    package let name: String
    package let value: Double
  }

  /// The GRADIENDs whose sum it approximates.
  package let source: PatchMetadata.Source
  /// Where the base is, if that was recorded.
  package let base: Provenance?
  /// The rank of each layer's factors.
  package let rank: Int
  /// Of all layers together.
  package let relativeError: Double
  /// Of each layer.
  package let layerErrors: [Figure]
  /// The share of each tensor that it leaves out.
  package let leftOut: [Figure]
  /// Modules that it brings whole, which PEFT alone loads.
  package let savedModules: [String]
  /// PEFT's name for what the model is for; nil for one that does not generate.
  package let task: String?
  /// The length of the factors' file.
  package let byteCount: Int
  /// The name of the GGUF adapter that lies beside it, if one does.
  package var ggufName: String?

  static let versionKey = "gradiend_patch_adapter"
  static let version = "1"

  /// - Parameters:
  ///   - metadata: those of the factors' file.
  ///   - configuration: PEFT's.
  ///   - byteCount: the length of the factors' file.
  /// - Throws: ``FormatError`` if another tool made it, or something is missing or does not fit.
  package init(
    parsing metadata: [SafetensorsHeader.Metadatum], _ configuration: JSONValue, byteCount: Int
  ) throws(FormatError) {
    func require(_ key: String) throws(FormatError) -> String {
      guard let value = metadata.first(where: { $0.key == key })?.value else {
        throw .corrupt("the adapter's metadata lack '\(key)'", at: 8)
      }
      return value
    }
    func figures(_ key: String) throws(FormatError) -> [Figure] {
      let text = try require(key)
      let members = try JSONValue(parsing: Array(text.utf8).rawSpan).members ?? []
      let figures = members.compactMap { member in
        member.value.number.map { Figure(name: member.key, value: $0) }
      }
      guard figures.count == members.count else {
        throw .corrupt("the adapter's metadata give no numbers for '\(key)'", at: 8)
      }
      return figures
    }
    guard let version = metadata.first(where: { $0.key == Self.versionKey })?.value else {
      throw FormatError(
        offset: 8,
        reason: .notThisFormat(
          "these are no factors that gradiend-patch made: their metadata lack '\(Self.versionKey)'")
      )
    }
    guard version == Self.version else {
      throw .unsupported(
        "the adapter has version \(version), this program reads \(Self.version); use a newer "
          + "gradiend-patch", at: 8)
    }
    (source, base) = try PatchMetadata.origin(parsing: metadata, of: "adapter")
    _ = try require("left_out_share")
    guard let rank = Int(try require("rank")), let error = Double(try require("relative_error")),
      AdapterMaking.ranks.contains(rank), error >= 0
    else { throw .corrupt("the adapter's metadata give no rank or no error", at: 8) }
    for key in ["r", "lora_alpha"] where configuration[key]?.number != Double(rank) {
      throw .corrupt(
        "the adapter's factors have rank \(rank), unlike '\(key)' of its configuration", at: 8)
    }
    (self.rank, relativeError) = (rank, error)
    layerErrors = try figures("layer_errors")
    leftOut = try figures("left_out")
    savedModules = configuration["modules_to_save"]?.elements?.compactMap(\.string) ?? []
    task = configuration["task_type"]?.string
    self.byteCount = byteCount
  }

  /// The share of what it leaves out.
  package var leftOutShare: Double { leftOut.reduce(0) { $0 + $1.value } }
}
