internal import Gradiend
internal import PatchEngine

/// Which vector of a GRADIEND checkpoint is added to the weights.
public struct GradiendPart: Hashable, Sendable {
  let part: UpdatePart

  /// `activation(W · h + b)` of the decoder, the method's own.
  public static let decoder = GradiendPart(part: .decoder)
  /// The decoder's weight, for one latent.
  public static let decoderWeight = GradiendPart(part: .decoderWeight)
  /// The decoder's bias.
  public static let decoderBias = GradiendPart(part: .decoderBias)
  /// The row sums of the decoder's weight, plus its bias.
  public static let decoderSum = GradiendPart(part: .decoderSum)
  /// The encoder's weight, for one latent.
  public static let encoderWeight = GradiendPart(part: .encoderWeight)

  /// As the reference package and the command line name it.
  public var name: String { part.rawValue }
}
