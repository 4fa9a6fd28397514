internal import ByteIO
internal import Checkpoints
internal import Hub
internal import PatchEngine
internal import PatchFormat

/// All that a model card says, found together from what it is about, the publisher and the base's card
/// (Formats/hub.md, section 4).
struct CardFacts {
  private(set) var subject: any CardSubject
  let details: CardDetails
  /// Nil if nobody said, for an adapter that is being made.
  let base: RepositoryName?
  /// Nil if nobody said which.
  let baseCommit: Commit?
  /// The base's snapshot in the cache, if it is there.
  let baseFolder: String?
  /// Whether that is the snapshot of the subject's base, not of a later commit.
  let isBaseOfCommit: Bool
  let repository: RepositoryName
  let license: License
  /// The duties that come with it, where they are known.
  let terms: LicenceTerms?
  let languages: [String]
  let pipelineTag: String?
  let results: EvaluationResults?
  /// What the publisher adds, in Markdown.
  let appendix: String?
  /// What the publisher should know, in sentences without a full stop.
  private(set) var notes: [String] = []

  struct License {
    var identifier: String?
    var name: String?
    var link: String?
  }

  /// - Parameters:
  ///   - subject: what the card is about.
  ///   - details: what the publisher says.
  ///   - olderCard: path of a card whose appendix is kept, unless there is a new one.
  ///   - needsBase: whether somebody has to say what the base is.
  /// - Throws: ``PatchError`` if what the publisher says is no name, or nobody says what the base is.
  init(
    _ subject: any CardSubject, _ details: CardDetails, olderCard: String? = nil,
    needsBase: Bool = true
  ) throws(PatchError) {
    self.subject = subject
    self.details = details
    (base, baseCommit) = try Self.base(subject, details, isNeeded: needsBase)
    let snapshot = Self.snapshot(of: base, baseCommit)
    baseFolder = snapshot
    let commit = baseCommit
    isBaseOfCommit = snapshot.map { Self.isSnapshot($0, of: commit) } ?? false
    if let snapshot, let base, isBaseOfCommit { try Self.check(snapshot, is: base, of: subject) }
    let card = snapshot.flatMap(Self.card(in:))
    var notes: [String] = []
    if let base, card == nil, details.license == nil || details.languages.isEmpty {
      notes.append(
        "the base's own card is not in the Hub's cache, so licence and languages are not taken from "
          + "it; if it has one, this gets it: hf download \(base) README.md")
    }
    try Self.checkLicense(details)
    try Self.checkAddress(details.toolAddress)
    license = Self.license(details, card, base, &notes)
    if license.identifier == "other", license.name == nil || license.link == nil {
      notes.append("for the licence 'other', the Hub wants --license-name and --license-link too")
    }
    terms = LicenceTerms([license.identifier, license.name].compactMap { $0 })
    languages = details.languages.isEmpty ? card?.texts("language") ?? [] : details.languages
    pipelineTag = card?.text("pipeline_tag")
    results = try details.results.map { (path) throws(PatchError) in
      try EvaluationResults(path: path)
    }
    appendix =
      try details.appendix.map { (path) throws(PatchError) in
        String(decoding: try CardText.file(path), as: UTF8.self)
      } ?? olderCard.flatMap(CardText.appendix(ofCard:))
    repository = try Self.repository(details, base, terms, subject.noun, &notes)
    for dataset in details.datasets where RepositoryName(dataset) == nil {
      throw PatchError(.usage, "'\(dataset)' cannot be the name of a data set on the Hub")
    }
    self.notes = notes
  }

  /// Measures the update, if the base's weights are in the cache: a picture then tells where it is.
  ///
  /// - Throws: ``PatchError`` if what is there is not the base.
  mutating func measure(_ execution: Execution) throws(PatchError) {
    guard let baseFolder, isBaseOfCommit else { return }
    let path = baseFile.map { Folder.join(baseFolder, $0) } ?? baseFolder
    guard let base = try? Checkpoint(path: path) else { return }
    try subject.measure(base, execution)
  }

  // MARK: The base
  private static func base(
    _ subject: any CardSubject, _ details: CardDetails, isNeeded: Bool
  ) throws(PatchError) -> (RepositoryName?, Commit?) {
    let recorded = subject.base
    guard let named = details.base else {
      guard recorded != nil || !isNeeded else {
        throw PatchError(
          .usage, path: subject.path,
          "the \(subject.noun) does not record where on the Hub its base is",
          remedy:
            "name it with --base OWNER/NAME; one that is made with the base's name on the Hub "
            + "records it")
      }
      return (recorded?.repository, recorded?.commit)
    }
    guard let reference = HubReference(named), reference.path == nil else {
      throw PatchError(
        .usage, "'\(named)' cannot be the base's name on the Hub",
        remedy: "write OWNER/NAME or OWNER/NAME@COMMIT")
    }
    let commit = reference.revision.flatMap { Commit($0) }
    if let recorded,
      reference.repository != recorded.repository || commit.map({ $0 != recorded.commit }) ?? false
    {
      throw PatchError(
        .usage, path: subject.path,
        "'\(named)' is not the base that the \(subject.noun) records: \(recorded.repository) at commit "
          + "\(recorded.commit)",
        remedy: "leave the base out, or make the \(subject.noun) again from '\(named)'")
    }
    return (reference.repository, commit ?? recorded?.commit)
  }

  private static func snapshot(of base: RepositoryName?, _ commit: Commit?) -> String? {
    guard let base, let cache = HubCache(environment: Environment.value) else { return nil }
    for revision in [commit.map { "\($0)" }, nil] {
      let reference = HubReference(base, revision: revision)
      guard let path = try? cache.locate(reference).path else { continue }
      if FileStatus.exists(Folder.join(path, "README.md")) || revision == nil { return path }
    }
    return nil
  }

  /// Where the cache lacks the commit, there may be a later one, of which only the card is used.
  private static func isSnapshot(_ snapshot: String, of commit: Commit?) -> Bool {
    commit.map { Folder.lastComponent(of: snapshot) == $0.description } ?? true
  }

  /// Refuses a base in the cache that is another than the subject's. Large files have their SHA-256 for a
  /// name there, so nothing is read.
  private static func check(
    _ snapshot: String, is base: RepositoryName, of subject: any CardSubject
  ) throws(PatchError) {
    for file in subject.baseFiles where Folder.isBareName(file.name) {
      let path = Folder.join(snapshot, file.name)
      guard let found = HubBlob.expectedSHA256(ofFile: path), found != file.sha256 else { continue }
      throw PatchError(
        .badInput, path: path,
        "\(base) is not the base of the \(subject.noun): the SHA-256 of its '\(file.name)' is \(found), "
          + "expected \(file.sha256)",
        remedy:
          "name the model that it was made from, or a commit of it as OWNER/NAME@COMMIT")
    }
  }

  private static func card(in snapshot: String) -> FrontMatter? {
    guard let file = try? MappedFile(path: Folder.join(snapshot, "README.md")),
      file.byteCount <= 1 << 24
    else { return nil }
    return FrontMatter(card: String(decoding: file.bytes.array, as: UTF8.self))
  }

  // MARK: Licence and name

  private static func license(
    _ details: CardDetails, _ card: FrontMatter?, _ base: RepositoryName?,
    _ notes: inout [String]
  ) -> License {
    if let identifier = details.license {
      let known = card?.text("license") ?? base.flatMap(LicenceTerms.likely(for:))?.identifier
      if let terms = LicenceTerms([known].compactMap { $0 }),
        ![terms.identifier, "other"].contains(identifier)
      {
        notes.append(
          "the base is under the \(terms.name), which asks what is derived from it to be so too, "
            + "but the card says '\(identifier)'")
      }
      return License(
        identifier: identifier, name: details.licenseName, link: details.licenseLink)
    }
    var license = License(
      identifier: card?.text("license"),
      name: details.licenseName ?? card?.text("license_name"),
      link: details.licenseLink ?? card?.text("license_link").map { absolute($0, base) })
    guard license.identifier == nil else { return license }
    if let likely = base.flatMap(LicenceTerms.likely(for:)) {
      license.identifier = likely.identifier
      notes.append(
        "the licence is taken to be '\(likely.identifier)' from the base's name; if it is another, "
          + "say so with --license")
    } else {
      notes.append("the licence is not known, so the card has none; name it with --license")
    }
    return license
  }

  /// - Throws: ``PatchError`` for a licence that the Hub does not take.
  private static func checkLicense(_ details: CardDetails) throws(PatchError) {
    guard let identifier = details.license, !LicenceIdentifier.all.contains(identifier) else {
      return
    }
    let meant = LicenceIdentifier.suggestion(for: identifier)
    throw PatchError(
      .usage,
      "'\(identifier)' is no licence that the Hub knows"
        + (meant.map { "; did you mean '\($0)'?" } ?? ""),
      remedy:
        "the Hub lists its names at https://huggingface.co/docs/hub/repositories-licenses; for a "
        + "licence that is not there, say 'other' and give its name and link")
  }

  /// - Throws: ``PatchError`` for what would be no link in a card.
  private static func checkAddress(_ address: String?) throws(PatchError) {
    guard let address else { return }
    let isLink =
      ["https://", "http://"].contains { address.hasPrefix($0) }
      && address.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"<>\\".utf8.contains($0) }
    guard isLink else {
      throw PatchError(
        .usage, "'\(address)' is no address of this tool",
        remedy: "write one that begins with https://, with all but ASCII letters encoded")
    }
  }

  /// A link to a file of the base's repository leads there from any other, too.
  private static func absolute(_ link: String, _ base: RepositoryName?) -> String {
    guard let base, !link.contains("://") else { return link }
    return "https://huggingface.co/\(base)/blob/main/\(link)"
  }

  private static func repository(
    _ details: CardDetails, _ base: RepositoryName?, _ terms: LicenceTerms?, _ noun: String,
    _ notes: inout [String]
  ) throws(PatchError) -> RepositoryName {
    if let text = details.repository {
      guard let name = RepositoryName(text) else {
        throw PatchError(
          .usage, "'\(text)' cannot be the name of a repository on the Hub",
          remedy: "write OWNER/NAME, of letters, digits, '-', '_' and '.'")
      }
      if let terms, let prefix = terms.namePrefix, !terms.allowsName(name.name) {
        notes.append(
          "the \(terms.name) wants the name of a derived model to begin with '\(prefix)', and "
            + "'\(name.name)' does not")
      }
      return name
    }
    notes.append(
      "the card does not know who publishes the \(noun); with --repository OWNER/NAME its commands can "
        + "be pasted as they are")
    guard let name = suggestedName(base, details.feature, terms, noun) else {
      throw PatchError(
        .usage, "no name for a repository can be made of that of the base",
        remedy: "name one with --repository OWNER/NAME")
    }
    return name
  }

  private static func suggestedName(
    _ base: RepositoryName?, _ feature: String?, _ terms: LicenceTerms?, _ noun: String
  ) -> RepositoryName? {
    var stem = base?.name ?? "model"
    if let terms, let prefix = terms.namePrefix, !terms.allowsName(stem) {
      let bare = stem.lowercased().hasPrefix("meta-") ? String(stem.dropFirst(5)) : stem
      stem = terms.allowsName(bare) ? bare : prefix.replacing(" ", with: "-") + "-" + bare
    }
    let words: [Substring] = (feature ?? "gradiend").lowercased().split {
      !($0.isASCII && ($0.isLetter || $0.isNumber))
    }
    let ending = "-" + (words.prefix(4) + [noun[...]]).joined(separator: "-")
    let start = stem.prefix(90 - min(60, ending.count))
    return RepositoryName(start + ending) ?? RepositoryName(start.dropLast() + ending)
  }
}
