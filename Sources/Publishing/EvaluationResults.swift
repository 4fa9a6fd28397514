internal import ByteIO
internal import Checkpoints
internal import Hub
internal import PatchEngine

/// What somebody measured of a model, as the Hub has it in a card's `model-index`
/// (Formats/hub.md, section 4.1).
struct EvaluationResults {
  private let results: [JSONValue]

  /// - Throws: ``PatchError`` if the file cannot be read, or has results that the Hub does not take.
  init(path: String) throws(PatchError) {
    let text = try CardText.file(path)
    let document = try PatchError.opening { () throws(CheckpointError) in
      try CheckpointError.attributing(path) { () throws(FormatError) in
        try JSONValue(parsing: text.rawSpan)
      }
    }
    results = document["results"]?.elements ?? []
    guard !results.isEmpty else {
      throw Self.error(path, "it has no 'results', a list of at least one")
    }
    for (index, result) in results.enumerated() {
      func require(_ found: Bool, _ what: String) throws(PatchError) {
        guard found else { throw Self.error(path, "result \(index + 1) has no \(what)") }
      }
      try require(result["task"]?["type"]?.string != nil, "'type' of its 'task'")
      try require(result["dataset"]?["name"]?.string != nil, "'name' of its 'dataset'")
      try require(result["dataset"]?["type"]?.string != nil, "'type' of its 'dataset'")
      let metrics = result["metrics"]?.elements ?? []
      try require(!metrics.isEmpty, "'metrics'")
      for metric in metrics {
        try require(metric["type"]?.string != nil, "'type' of a metric")
        try require(Self.text(metric["value"]) != nil, "'value' of a metric, a number or a text")
      }
    }
  }

  private static func error(_ path: String, _ reason: String) -> PatchError {
    PatchError(
      .badInput, path: path, reason,
      remedy: #"{"results": [{"task": {"type": …}, "dataset": {"name": …, "type": …}, "metrics": "#
        + #"[{"type": …, "value": …}]}]} is what the Hub takes"#)
  }

  private static func text(_ value: JSONValue?) -> String? {
    switch value {
    case .string(let text): text
    case .integer, .real: value?.text(significantDigits: 6)
    default: nil
    }
  }

  /// The key `model-index` of a card; JSON is YAML, too.
  func modelIndex(name: String) -> String {
    "model-index:\n- name: \(YAMLText.scalar(name))\n  results:\n"
      + results.map { "  - \($0.text())\n" }.joined()
  }

  /// A table for people.
  var table: String {
    let rows = results.flatMap { result in
      (result["metrics"]?.elements ?? []).map { metric in
        let cells = [
          result["task"]?["name"]?.string ?? result["task"]?["type"]?.string,
          result["dataset"]?["name"]?.string, metric["name"]?.string ?? metric["type"]?.string,
          Self.text(metric["value"]),
        ]
        return "| " + cells.map { Markdown.plain($0 ?? "") }.joined(separator: " | ") + " |\n"
      }
    }
    return "## Evaluation\n\n| Task | Data | Metric | Value |\n| --- | --- | --- | ---: |\n"
      + rows.joined()
  }
}
