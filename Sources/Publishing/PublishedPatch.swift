internal import ByteIO
internal import Checkpoints
internal import Hub
internal import PatchEngine
internal import PatchFormat
internal import Pictures

/// A patch, for its card and its package.
struct PublishedPatch: CardSubject {
  let patch: PatchFile
  private var report: PatchReport

  /// - Throws: ``PatchError`` if a chunk's header is damaged.
  init(_ patch: PatchFile) throws(PatchError) {
    self.patch = patch
    report = try PatchError.opening { () throws(CheckpointError) in try PatchReport(patch) }
  }

  var path: String { patch.path }
  var noun: String { "patch" }
  var library: String { "gradiend-patch" }
  var source: PatchMetadata.Source { patch.metadata.source }
  var base: Provenance? { patch.metadata.origins.base }
  var result: Provenance? { patch.metadata.origins.result }
  var baseFiles: [FileDigest] { patch.metadata.base.files }
  var picture: String? { report.svg }

  var tags: [String] {
    if case .gradiend = source { ["gradiend-patch", "gradiend"] } else { ["gradiend-patch"] }
  }

  mutating func measure(_ base: Checkpoint, _ execution: Execution) throws(PatchError) {
    report.updates = try UpdateMeasurement(
      PatchMatch(patch, base.settingAside(carriedBy: patch)), execution
    ).run()
  }

  // MARK: The card

  func introduction(_ facts: CardFacts) -> String {
    """
    A patch for \(facts.baseLink), \(Quantity.bytes(patch.file.byteCount)).\(facts.about) It is no \
    model by itself: applied to the base, it gives exactly the model that the publisher made.
    """
  }

  var rows: [(String, String)] {
    let share = Quantity.share(report.changedElementCount, of: report.elementCount)
    let precision =
      patch.metadata.precision.map {
        "bounded: the update differs from what was asked for by "
          + "\(Markdown.plain($0.relativeError)) of its RMS at most in any tensor"
      } ?? "exact to the result as it is rounded"
    return [
      (
        "Parameters changed",
        "\(Quantity.count(report.changedElementCount)) of \(Quantity.count(report.elementCount)), "
          + share
      ),
      ("Tensors changed", "\(report.changes.count) of \(report.tensorCount)"),
      ("Precision", precision),
    ]
      + (report.kept.map {
        [("Kept of the update", "\($0), rounded to the base's types")]
      } ?? [])
  }

  func use(_ facts: CardFacts) -> String {
    let folder = Shell.quoted(facts.outputName)
    let reference = facts.baseReference.map { "\($0)" } ?? facts.baseName
    let base = Shell.quoted(reference)
    let patch = facts.publishedName
    let commands = """
      \(facts.baseDownloadCommand ?? "")
      hf download \(patch)
      gradiend-patch apply \(base) \\
        \(patch) -o \(folder)
      gradiend-patch verify \(folder) \(patch) --expect result
      """
    let python = """
      import gradiend_patch
      gradiend_patch.apply("\(reference)", "\(patch)", "\(facts.outputName)")
      """
    let strip =
      "gradiend-patch strip \(folder) \(patch) -o \(Shell.quoted(facts.strippedName))"
    return """
      With \(facts.tool), and `hf` of the Hugging Face Hub:

      \(Markdown.block(commands, language: "sh"))
      Or, where its Python package is installed:

      \(Markdown.block(python, language: "python"))
      `apply` gives the publisher's bytes, or an error and no output. \(loading(facts))
      `strip` gives the base back:

      \(Markdown.block(strip, language: "sh"))
      """
  }

  /// How the result is run.
  private func loading(_ facts: CardFacts) -> String {
    if let file = facts.baseFile {
      return file.hasSuffix(".gguf")
        ? "The output is a GGUF like the base, for llama.cpp and programs built on it.\n"
        : "The output is a weight file like the base.\n"
    }
    let loader = facts.loader ?? "AutoModel"
    let program = """
      from transformers import \(loader), AutoTokenizer
      model = \(loader).from_pretrained("\(facts.outputName)", dtype="auto")
      tokenizer = AutoTokenizer.from_pretrained("\(facts.outputName)")
      """
    return "The output loads as the base does:\n\n\(Markdown.block(program, language: "python"))"
  }

  private var carriedCount: Int { patch.layouts?.carried.count ?? 0 }

  var evidence: String {
    """
    ## Digests

    `gradiend-patch verify MODEL PATCH --sha256` compares the SHA-256 of the weight files; without \
    `--sha256` it compares the values\(carriedCount > 0
      ? ", and, as the patch carries \(carriedCount) small tensors whole, headers"
      : ", which may lie in other files").

    Of the base:

    \(Markdown.block(patch.metadata.base.files.lines))
    Of the result:

    \(Markdown.block(patch.metadata.result.files.lines))
    """
  }

  var limits: [String] {
    let bounded =
      patch.metadata.precision == nil
      ? []
      : [
        "The result is not quite what was asked for, within the precision above. Applying and "
          + "stripping are exact all the same."
      ]
    return [
      "The patch fits the values of this base and no other fine-tune of it; `apply` refuses those."
    ] + bounded + [
      "The digests guard against accidents. Whether to trust the publisher is for you to say; a "
        + "signature, if there is one, tells who that is."
    ]
  }

  // MARK: The package

  func files(_ facts: CardFacts) -> [(name: String, source: PackageFiles.Source)] {
    [
      (PatchFile.defaultName, .file(patch.file)),
      ("config.json", .text(configuration(facts))),
    ]
  }

  /// What the Hub counts downloads by. No program takes it for a model's: it names no architecture.
  private func configuration(_ facts: CardFacts) -> String {
    var members: [JSONValue.Member] = [
      .init("library_name", .string(library)),
      .init("patch_file", .string(PatchFile.defaultName)),
      .init("base_model", .string(facts.baseName)),
    ]
    if let commit = facts.baseCommit {
      members.append(.init("base_model_commit", .string("\(commit)")))
    }
    members += patch.metadata.entries.map { .init($0.key, .string($0.value)) }
      .filter { (member: JSONValue.Member) in Self.copiedKeys.contains(member.key) }
    return JSONValue.object(members).text(isIndented: true) + "\n"
  }

  private static let copiedKeys: Set<String> = [
    "format", "format_version", "source", "feature_factor", "learning_rate", "part",
    "base_digest", "result_digest",
  ]
}
