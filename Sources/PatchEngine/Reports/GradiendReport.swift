internal import Checkpoints
package import Gradiend

/// What a GRADIEND checkpoint holds.
public struct GradiendReport: Sendable {
  /// N, the selected elements of all parameters.
  public let entryCount: Int
  /// How many feature factors it takes.
  public let latentCount: Int
  /// The decoder's, under the name of the reference package.
  public let activation: String
  /// Whether the decoder has a bias.
  public let hasBias: Bool
  /// In which the update is rounded before it is added.
  public let elementType: String
  /// A covered parameter.
  public struct Parameter: Sendable {
    /// As the GRADIEND spells it.
    public let name: String
    /// Nil where only the base has it, as in older checkpoints without masks.
    public let shape: [Int]?
    /// `all`, `mask` or `indices`.
    public let selection: String
    /// How many of its elements are selected; nil where only the base tells.
    public let selectedCount: Int?
  }

  /// The covered parameters, in the order of their entries.
  public let parameters: [Parameter]

  package init(_ gradiend: GradiendCheckpoint) {
    let configuration = gradiend.configuration
    entryCount = configuration.entryCount
    latentCount = configuration.latentCount
    activation = configuration.activation.rawValue
    hasBias = configuration.hasBias
    elementType = configuration.elementType.name
    parameters = gradiend.parameters.enumerated().map { position, parameter in
      Parameter(
        name: parameter.name, shape: parameter.shape,
        selection: parameter.representation.rawValue,
        selectedCount: gradiend.coverages?[position].entries.count)
    }
  }
}
