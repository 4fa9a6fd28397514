internal import Checkpoints
internal import PatchEngine

/// An adapter that was made, and what it leaves of the update (Formats/adapter.md, section 5).
public struct AdapterSummary: Sendable {
  /// A linear layer that the adapter changes.
  public struct Layer: Sendable {
    /// The module, as PEFT names it.
    public let module: String
    /// The tensor's share of the squares of the update.
    public let share: Double
    /// Norm of what the factors miss, over that of the layer's change.
    public let relativeError: Double
  }

  /// A tensor that the GRADIEND changes and the adapter does not.
  public struct LeftOut: Sendable {
    /// The tensor's name.
    public let tensor: String
    /// Its share of the squares of the update.
    public let share: Double
  }

  /// The folder.
  public let path: String
  /// The GGUF adapter, if one was made.
  public let ggufPath: String?
  /// The length of the factors' file.
  public let byteCount: Int
  /// The rank of each layer's factors.
  public let rank: Int
  /// Of all layers together.
  public let relativeError: Double
  /// In the order of the base.
  public let layers: [Layer]
  /// In the order of the base.
  public let leftOut: [LeftOut]
  /// Modules that are brought whole, which PEFT alone loads.
  public let savedModules: [String]
  /// What a user should know, in sentences without a full stop.
  public package(set) var notes: [String] = []

  /// The sum of the shares of what is left out.
  public var leftOutShare: Double { leftOut.reduce(0) { $0 + $1.share } }
}

extension AdapterSummary {
  /// What files say of the adapter. The texts are as long whatever the errors are, so that a header
  /// can be left room for.
  var metadata: [SafetensorsHeader.Metadatum] {
    func text(_ members: [(key: String, value: Double)]) -> String {
      let members = members.map { "\(JSONValue.string($0.key).text()):\(Self.decimal($0.value))" }
      return "{\(members.joined(separator: ","))}"
    }
    return [
      .init(AdapterDescription.versionKey, AdapterDescription.version),
      .init("rank", "\(rank)"),
      .init("relative_error", Self.decimal(relativeError)),
      .init("left_out_share", Self.decimal(leftOutShare)),
      .init("layer_errors", text(layers.map { ($0.module, $0.relativeError) })),
      .init("left_out", text(leftOut.map { ($0.tensor, $0.share) })),
    ]
  }

  /// One digit, a point and six.
  private static func decimal(_ value: Double) -> String {
    Quantity.decimal(min(value, 9), digits: 6)
  }
}
