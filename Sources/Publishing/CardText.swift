internal import ByteIO
internal import Checkpoints
internal import Hub
internal import PatchEngine
internal import PatchFormat

/// What a card tells people, in Markdown.
struct CardText {
  private let facts: CardFacts
  private let picture: String?

  init(_ facts: CardFacts, picture: String?) {
    self.facts = facts
    self.picture = picture
  }

  var text: String {
    let subject = facts.subject
    var sections = [
      introduction, changes, "## How to use it\n\n" + subject.use(facts), subject.evidence,
    ]
    if let results = facts.results { sections.append(results.table) }
    sections += [limits, license]
    if case .gradiend = subject.source { sections.append(Self.citation) }
    if let appendix = facts.appendix { sections.append(Self.appendix(appendix)) }
    return sections.joined(separator: "\n")
  }

  private var introduction: String {
    let display = facts.terms?.display.map { "**\($0)**\n\n" } ?? ""
    return """
      # \(Markdown.plain(facts.repository.name))

      \(display)\(facts.subject.introduction(facts))

      """
  }

  // MARK: What it changes

  private var changes: String {
    let rows = (source + facts.subject.rows).map { "| \($0) | \($1) |\n" }.joined()
    let image =
      picture.map { "\n![What the \(facts.subject.noun) changes, layer by layer](\($0))\n" } ?? ""
    return "## What it changes\n\n| | |\n| --- | --- |\n" + rows + image
  }

  private var source: [(String, String)] {
    var rows = facts.base.map { [("Base", place($0, facts.baseCommit))] } ?? []
    switch facts.subject.source {
    case .gradiend(let updates, let part):
      let summed =
        updates.count > 1 ? "; the sum of all \(updates.count) is added and rounded once" : ""
      rows += [
        (
          "Method",
          "[GRADIEND](https://arxiv.org/abs/2502.01406): the learning rate times the decoder's "
            + "output for the feature factor is added to the weights" + summed
        )
      ]
      for (position, update) in updates.enumerated() {
        rows += self.rows(of: update, ending: updates.count > 1 ? ", GRADIEND \(position + 1)" : "")
      }
      rows.append(("Part", Markdown.plain(part)))
      let datasets = facts.details.datasets.map {
        "[\($0)](https://huggingface.co/datasets/\($0))"
      }
      if !datasets.isEmpty { rows.append(("Data", datasets.joined(separator: ", "))) }
    case .diff:
      let result = facts.subject.result.map { ": " + place($0.repository, $0.commit) } ?? ""
      rows.append(("Method", "the difference between the base and a finished model" + result))
    }
    return rows
  }

  /// The rows of one update, with an ending of their names that tells it from others.
  private func rows(
    of update: PatchMetadata.Update, ending: String
  ) -> [(String, String)] {
    var rows: [(String, String)] = []
    if let factors = update.featureFactors {
      let direction = update.direction.map { ", towards \($0)" } ?? ""
      rows.append(("Feature factor h", Markdown.plain(factors + direction)))
    }
    rows.append(("Learning rate α", Markdown.plain(update.learningRate)))
    if let origin = update.origin {
      rows.append(("GRADIEND", place(origin.repository, origin.commit)))
    }
    rows.append(("Digest of the GRADIEND", Markdown.plain(update.gradiendDigest)))
    return rows.map { ($0 + ending, $1) }
  }

  private func place(_ repository: RepositoryName, _ commit: Commit?) -> String {
    let link = "[\(repository)](https://huggingface.co/\(repository))"
    return commit.map { "\(link) at commit `\($0)`" } ?? link
  }

  // MARK: Limits

  private var limits: String {
    let scope =
      switch facts.subject.source {
      case .gradiend(let updates, _):
        (updates.count > 1 ? "Each GRADIEND" : "GRADIEND")
          + " changes one feature, as its training data show it. Debiasing by it is partial, and "
          + "other biases remain."
      case .diff: "Whatever was changed, the biases of the base remain unless shown otherwise."
      }
    let items =
      [
        scope,
        "The change may cost quality elsewhere. Evaluate the result for your use, in your languages "
          + "and on your data, before you rely on it.",
      ] + facts.subject.limits
    return "## Limits\n\n" + items.map { "- \($0)\n" }.joined()
  }

  // MARK: Licence

  private var license: String {
    guard let terms = facts.terms else {
      return """
        ## Licence

        The result is derived from \(facts.baseLink), whose licence applies to it.

        """
    }
    return """
      ## Licence

      The result is derived from \(facts.baseLink), under the [\(terms.name)](\(terms.link)); its \
      [use policy](\(terms.usePolicy)) applies.

      \(terms.notice)

      """
  }
}
