internal import Checkpoints
internal import Gradiend

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
  /// Name, shape, kind of selection, and number of selected elements of each covered parameter.
  ///
  /// Shape and number are nil where only the base has them, as in older checkpoints without masks.
  public let parameters: [(name: String, shape: [Int]?, selection: String, selectedCount: Int?)]

  init(_ gradiend: GradiendCheckpoint) {
    let configuration = gradiend.configuration
    entryCount = configuration.entryCount
    latentCount = configuration.latentCount
    activation = configuration.activation.rawValue
    hasBias = configuration.hasBias
    elementType = configuration.elementType.name
    parameters = gradiend.parameters.enumerated().map { position, parameter in
      (
        parameter.name, parameter.shape, parameter.representation.rawValue,
        gradiend.coverages?[position].entries.count
      )
    }
  }
}
