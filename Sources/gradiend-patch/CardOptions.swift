import CommandGrammar
import GradiendPatch

/// What a publisher says of a patch, for `card` and `package`.
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
        help: "where the patch will be on the Hub, OWNER/NAME; made from the base's name if absent"),
      .option(
        \.card.base, "--base", value: "NAME",
        help: "the base's name on the Hub, where the patch does not record it"),
      .option(
        \.card.feature, "--feature", value: "TEXT", help: "what the GRADIEND is about, say 'gender'"
      ),
      .option(
        \.card.license, "--license", value: "ID",
        help: "licence as the Hub spells it; that of the base's card in the cache if absent"),
      .option(
        \.card.licenseName, "--license-name", value: "TEXT", help: "its name, for ID 'other'"),
      .option(
        \.card.licenseLink, "--license-link", value: "URL", help: "where it is, for ID 'other'"),
      .option(
        \.card.languages, "--language", value: "CODE[,CODE...]",
        help: "languages; those of the base's card if absent"),
      .option(
        \.card.datasets, "--dataset", value: "NAME[,NAME...]",
        help: "data sets on the Hub that the GRADIEND was made with"),
      .option(\.card.tags, "--tag", value: "TAG[,TAG...]", help: "more tags for the Hub"),
    ]
  }
}
