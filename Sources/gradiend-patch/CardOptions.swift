import CommandGrammar
import GradiendPatch

/// What a publisher says of a patch or an adapter, for `card` and `package`.
struct CardOptions: Sendable {
  var repository: String?
  var base: String?
  var feature: String?
  var license: String?
  var licenseName: String?
  var licenseLink: String?
  var languages: [String] = []
  var datasets: [String] = []
  var tags: [String] = []
  var appendix: String?
  var results: String?
  var toolAddress: String?

  var details: CardDetails {
    var details = CardDetails()
    details.repository = repository
    details.base = base
    details.feature = feature
    details.license = license
    details.licenseName = licenseName
    details.licenseLink = licenseLink
    details.languages = languages
    details.datasets = datasets
    details.tags = tags
    details.appendix = appendix
    details.results = results
    details.toolAddress = toolAddress
    return details
  }
}

/// A command that writes a model card.
protocol PublishingCommand: Command {
  var card: CardOptions { get set }
}

extension Argument where Command: PublishingCommand {
  /// The rows of ``CardOptions``.
  static var card: [Self] {
    [
      .option(
        \.card.repository, "--repository", value: "NAME",
        help: "where it will be on the Hub, OWNER/NAME; made from the base's name if absent",
        kind: .text),
      .option(
        \.card.base, "--base", value: "NAME",
        help: "the base's name on the Hub, where PATCH does not record it", kind: .text),
      .option(
        \.card.feature, "--feature", value: "TEXT",
        help: "what the GRADIEND is about, say 'gender'", kind: .text),
      .option(
        \.card.license, "--license", value: "ID",
        help: "licence as the Hub spells it; that of the base's card in the cache if absent",
        kind: .text),
      .option(
        \.card.licenseName, "--license-name", value: "TEXT", help: "its name, for ID 'other'",
        kind: .text),
      .option(
        \.card.licenseLink, "--license-link", value: "URL", help: "where it is, for ID 'other'",
        kind: .text),
      .option(
        \.card.languages, "--language", value: "CODE[,CODE...]",
        help: "languages; those of the base's card if absent", kind: .text),
      .option(
        \.card.datasets, "--dataset", value: "NAME[,NAME...]",
        help: "data sets on the Hub that the GRADIEND was made with", kind: .text),
      .option(
        \.card.tags, "--tag", value: "TAG[,TAG...]", help: "more tags for the Hub", kind: .text),
      .option(
        \.card.appendix, "--append", value: "FILE",
        help: "Markdown that ends the card: evaluation, intended use, citation"),
      .option(
        \.card.results, "--results", value: "FILE",
        help: "JSON of evaluation results, for the card and as its 'model-index'"),
      .option(
        \.card.toolAddress, "--tool-url", value: "URL",
        help: "where readers of the card get this tool",
        kind: .text),
    ]
  }
}
