import Checkpoints
import Gradiend
import TestSupport
import Testing

/// Formats/gradiend-checkpoint.md, section 7.1.
@Suite struct DecoderChoiceTests {
  private let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  private func choice(_ text: String, class name: String? = nil) throws -> DecoderChoice {
    try folder.write(text, to: "choice.json")
    return try DecoderChoice(path: folder.path("choice.json"), class: name)
  }

  private static func reason(_ error: CheckpointError?) -> String {
    if case .inconsistent(let reason)? = error?.cause { reason } else { "\(error as Any)" }
  }

  private static let two = """
    {"male": {"value": 0.7, "feature_factor": 1.0, "learning_rate": 0.01, "lms": NaN},
     "female": {"feature_factor": [-1, 0.5], "learning_rate": 1e-3}, "grid": []}
    """

  @Test func `the choice for a class is read, at the top or in a summary`() throws {
    let male = try choice(Self.two, class: "male")
    #expect(male.featureFactors == [1] && male.learningRate == 0.01)
    let female = try choice(#"{"summary": \#(Self.two)}"#, class: "female")
    #expect(female.featureFactors == [-1, 0.5] && female.learningRate == 0.001)
    let only = try choice(#"{"a": {"feature_factor": 1, "learning_rate": 5}, "value": 3}"#)
    #expect(only.learningRate == 5)
  }

  @Test func `what the reference package made is read, but for its grid, which has no choice`()
    throws
  {
    let choice = try DecoderChoice(
      path: Fixtures.path("decoder/good-choice.json"), class: "female")
    #expect(choice.featureFactors == [-1] && choice.learningRate == 0.001)
    let error = #expect(throws: CheckpointError.self) {
      try DecoderChoice(path: Fixtures.path("decoder/good-grid.json"), class: "female")
    }
    #expect(Self.reason(error).contains("this is a grid of candidates"))
  }

  @Test(arguments: [
    (DecoderChoiceTests.two, String?.none, "say for which class: 'male', 'female'"),
    (DecoderChoiceTests.two, "none", "there is no class 'none', only 'male', 'female'"),
    (#"{"results": []}"#, nil, "this is a grid of candidates"),
    ("{}", nil, "no summary of 'evaluate_decoder'"),
    ("[]", nil, "not a JSON object"),
    (#"{"a": {"feature_factor": 0, "learning_rate": 0.0}}"#, nil, "the base itself was chosen"),
    (#"{"a": {"feature_factor": 1, "learning_rate": 1e39}}"#, nil, "not finite"),
    (#"{"a": {"feature_factor": NaN, "learning_rate": 1}}"#, nil, "not finite"),
    (#"{"a": {"feature_factor": [], "learning_rate": 1}}"#, nil, "not finite"),
    (#"{"a": {"feature_factor": ["1"], "learning_rate": 1}}"#, nil, "not finite"),
  ])
  func `a file that does not tell is refused`(text: String, name: String?, reason: String) {
    let error = #expect(throws: CheckpointError.self) { try choice(text, class: name) }
    #expect(Self.reason(error).contains(reason))
  }
}
