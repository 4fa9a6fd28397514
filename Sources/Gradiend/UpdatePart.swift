/// Which vector of the GRADIEND is added to the weights.
package enum UpdatePart: String, CaseIterable, Sendable {
  /// `activation(W · h + b)`, the only one that uses the feature factor.
  case decoder
  /// `W`, for one latent.
  case decoderWeight = "decoder-weight"
  /// `b`, zero if the decoder has none.
  case decoderBias = "decoder-bias"
  /// The row sums of `W`, plus `b`.
  case decoderSum = "decoder-sum"
  /// The encoder's `W`, for one latent.
  case encoderWeight = "encoder-weight"
}
