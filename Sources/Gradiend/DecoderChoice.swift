internal import ByteIO
package import Checkpoints

/// What the reference package chose for a class: the summary that `evaluate_decoder` returns, as JSON
/// (Formats/gradiend-checkpoint.md, section 7.1).
package struct DecoderChoice: Equatable, Sendable {
  package let featureFactors: [Float]
  package let learningRate: Float

  /// Reads the choice for a class.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - name: the class; nil for the only one.
  /// - Throws: ``CheckpointError`` if it is no such file, or does not tell.
  package init(path: String, class name: String?) throws(CheckpointError) {
    let document = try CheckpointError.attributing(path) { () throws(SystemError) in
      try MappedFile(path: path)
    }
    let value = try CheckpointError.attributing(path) { () throws(FormatError) in
      try JSONValue(parsingPython: document.bytes)
    }
    func error(_ message: String) -> CheckpointError {
      CheckpointError(path: path, .inconsistent(message))
    }
    let choices = ((value["summary"] ?? value).members ?? []).filter {
      $0.value["feature_factor"] != nil && $0.value["learning_rate"] != nil
    }
    guard let first = choices.first else {
      throw error(
        value["results"] == nil
          ? "this is no summary of 'evaluate_decoder': no class has feature_factor and learning_rate"
          : "this is a grid of candidates, in which nothing is chosen yet; save the summary that "
            + "'evaluate_decoder' returns")
    }
    let names = choices.map { "'\($0.key)'" }.joined(separator: ", ")
    let choice: JSONValue.Member
    if let name {
      guard let found = choices.first(where: { $0.key == name }) else {
        throw error("there is no class '\(name)', only \(names)")
      }
      choice = found
    } else {
      guard choices.count == 1 else { throw error("say for which class: \(names)") }
      choice = first
    }
    let factor = choice.value["feature_factor"]
    let factors = factor?.elements?.map(\.number) ?? [factor?.number]
    guard let rate = choice.value["learning_rate"]?.number, Float(rate).isFinite, !factors.isEmpty,
      factors.allSatisfy({ $0.map { Float($0).isFinite } ?? false })
    else {
      throw error("feature_factor and learning_rate of '\(choice.key)' are not finite numbers")
    }
    guard Float(rate) != 0 else {
      throw error("for '\(choice.key)' the base itself was chosen: there is nothing to add")
    }
    featureFactors = factors.compactMap { $0.map { Float($0) } }
    learningRate = Float(rate)
  }
}
