package import Gradiend

extension DecoderOutput {
  /// What a GRADIEND adds, for arguments that anybody may have chosen.
  ///
  /// - Throws: ``PatchError`` of kind `usage` if they are not finite, or not those that the part needs.
  package init(
    of gradiend: GradiendCheckpoint, part: UpdatePart, featureFactors: [Float],
    learningRate: Float
  ) throws(PatchError) {
    guard learningRate.isFinite, featureFactors.allSatisfy(\.isFinite) else {
      throw PatchError(.usage, "feature factors and learning rate must be finite numbers")
    }
    let latentCount = gradiend.configuration.latentCount
    switch part {
    case .decoder where featureFactors.count != latentCount:
      throw PatchError(
        .usage, path: gradiend.path,
        "the GRADIEND has \(latentCount) \(latentCount == 1 ? "latent" : "latents"), but "
          + "\(featureFactors.count) feature factor\(featureFactors.count == 1 ? " was" : "s were") "
          + "given", remedy: "give one for each latent, separated by commas")
    case let part where part != .decoder && !featureFactors.isEmpty:
      throw PatchError(
        .usage, "part '\(part.rawValue)' ignores feature factors, but some were given",
        remedy: "leave them out")
    case .decoderWeight, .encoderWeight:
      guard latentCount == 1 else {
        throw PatchError(
          .usage, path: gradiend.path,
          "part '\(part.rawValue)' needs a GRADIEND with 1 latent, this one has \(latentCount)",
          remedy: "use the part 'decoder', or 'decoder-sum'")
      }
    default: break
    }
    self.init(gradiend, part: part, featureFactors: featureFactors, learningRate: learningRate)
  }
}
