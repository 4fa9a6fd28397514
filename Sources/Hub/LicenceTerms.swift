package import PatchFormat

/// What the licences of some families of models ask of those who publish a derived one.
///
/// A summary of duties to carry out, not advice: whether a patch is a derived model is for a lawyer
/// to say, and following the licence does no harm if it is not.
package struct LicenceTerms: Equatable, Sendable {
  /// As the Hub spells it, such as `llama3.2`.
  package let identifier: String
  package let name: String
  package let link: String
  package let usePolicy: String
  /// What a file `NOTICE` must say.
  package let notice: String
  /// What must be displayed.
  package let display: String?
  /// What the name of a derived model must begin with.
  package let namePrefix: String?

  /// The terms of a licence, if it is of a known family.
  ///
  /// - Parameter identifiers: what a card says under `license` and `license_name`.
  package init?(_ identifiers: [String]) {
    let keys = identifiers.map { $0.lowercased() }
    guard let terms = Self.known.first(where: { keys.contains($0.identifier) }) else { return nil }
    self = terms
  }

  /// The licence that a model of this name most likely has, where its card is not at hand.
  package static func likely(for repository: RepositoryName) -> LicenceTerms? {
    let name = repository.name.lowercased()
    for terms in known {
      let spelled =
        terms.identifier == "gemma"
        ? ["gemma"] : ["llama-", "llama"].map { $0 + terms.identifier.dropFirst(5) }
      // "Llama-3-8B" is a Llama 3, "Llama-3.2-3B" is not.
      for spelling in spelled {
        guard let range = name.firstRange(of: spelling) else { continue }
        let next = name[range.upperBound...].first
        if next != "." && !(next?.isNumber ?? false) { return terms }
      }
    }
    return nil
  }

  private static let known: [LicenceTerms] =
    [
      ("2", "llama2"), ("3", "llama3"), ("3.1", "llama3.1"), ("3.2", "llama3.2"),
      ("3.3", "llama3.3"), ("4", "llama4"),
    ].map { llama($0, $1) } + [gemma]

  private init(
    identifier: String, name: String, link: String, usePolicy: String, notice: String,
    display: String?, namePrefix: String?
  ) {
    self.identifier = identifier
    self.name = name
    self.link = link
    self.usePolicy = usePolicy
    self.notice = notice
    self.display = display
    self.namePrefix = namePrefix
  }

  private static func llama(_ version: String, _ identifier: String) -> LicenceTerms {
    let place =
      version == "2"
      ? "https://ai.meta.com/llama"
      : "https://www.llama.com/llama" + version.replacing(".", with: "_")
    // Llama 2 asks for a notice only; Llama 3 names itself with Meta and its number.
    let name = (version == "3" ? "Meta Llama " : "Llama ") + version
    let licence = (version == "2" ? "LLAMA 2" : name) + " Community License"
    return LicenceTerms(
      identifier: identifier, name: licence, link: place + "/license",
      usePolicy: place + "/use-policy",
      notice: "\(name) is licensed under the \(licence), Copyright © Meta Platforms, Inc. "
        + "All Rights Reserved.",
      display: version == "2"
        ? nil : version == "3" ? "Built with Meta Llama 3" : "Built with Llama",
      namePrefix: version == "2" ? nil : version == "3" ? "Llama 3" : "Llama")
  }

  private static let gemma = LicenceTerms(
    identifier: "gemma", name: "Gemma Terms of Use", link: "https://ai.google.dev/gemma/terms",
    usePolicy: "https://ai.google.dev/gemma/prohibited_use_policy",
    notice: "Gemma is provided under and subject to the Gemma Terms of Use found at "
      + "ai.google.dev/gemma/terms",
    display: nil, namePrefix: nil)

  /// Whether a model of this name may be published; blanks, dashes and underscores count alike.
  package func allowsName(_ name: String) -> Bool {
    func plain(_ text: String) -> String { text.lowercased().filter { !" -_".contains($0) } }
    return namePrefix.map { plain(name).hasPrefix(plain($0)) } ?? true
  }
}
