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
    var sections = [introduction, changes, use, digests]
    if let results = facts.results { sections.append(results.table) }
    sections += [limits, license]
    if case .gradiend = metadata.source { sections.append(Self.citation) }
    if let appendix = facts.appendix { sections.append(Self.appendix(appendix)) }
    return sections.joined(separator: "\n")
  }

  private var metadata: PatchMetadata { facts.patch.metadata }
  private var baseLink: String { "[\(facts.base)](https://huggingface.co/\(facts.base))" }

  private var introduction: String {
    let about =
      facts.details.feature.map { " It is about the feature *\(Markdown.plain($0))*." } ?? ""
    let display = facts.terms?.display.map { "**\($0)**\n\n" } ?? ""
    return """
      # \(Markdown.plain(facts.repository.name))

      \(display)A patch for \(baseLink), \(Quantity.bytes(facts.patch.file.byteCount)).\(about) It is no \
      model by itself: applied to the base, it gives exactly the model that the publisher made.

      """
  }

  // MARK: What it changes

  private var changes: String {
    let rows = (source + counts).map { "| \($0) | \($1) |\n" }.joined()
    let image = picture.map { "\n![What the patch changes, layer by layer](\($0))\n" } ?? ""
    return "## What it changes\n\n| | |\n| --- | --- |\n" + rows + image
  }

  private var source: [(String, String)] {
    var rows = [("Base", place(facts.base, facts.baseCommit))]
    switch metadata.source {
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
      let result = metadata.origins.result.map { ": " + place($0.repository, $0.commit) } ?? ""
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

  private var counts: [(String, String)] {
    let report = facts.report
    let share = Quantity.share(report.changedElementCount, of: report.elementCount)
    let precision =
      metadata.precision.map {
        "bounded: the update differs from what was asked for by "
          + "\(Markdown.plain($0.relativeError)) of its RMS at most in any tensor"
      } ?? "exact"
    return [
      (
        "Parameters changed",
        "\(Quantity.count(report.changedElementCount)) of \(Quantity.count(report.elementCount)), "
          + share
      ),
      ("Tensors changed", "\(report.changes.count) of \(report.tensorCount)"),
      ("Precision", precision),
    ]
  }

  private func place(_ repository: RepositoryName, _ commit: Commit?) -> String {
    let link = "[\(repository)](https://huggingface.co/\(repository))"
    return commit.map { "\(link) at commit `\($0)`" } ?? link
  }

  // MARK: How to use it

  private var use: String {
    let folder = Shell.quoted(facts.outputName)
    let base = Shell.quoted("\(facts.baseReference)")
    let patch = facts.repository.owner == nil ? "OWNER/\(facts.repository)" : "\(facts.repository)"
    let commands = """
      \(facts.baseDownloadCommand)
      hf download \(patch)
      gradiend-patch apply \(base) \\
        \(patch) -o \(folder)
      gradiend-patch verify \(folder) \(patch) --expect result
      """
    let python = """
      import gradiend_patch
      gradiend_patch.apply("\(facts.baseReference)", "\(patch)", "\(facts.outputName)")
      """
    let strip =
      "gradiend-patch strip \(folder) \(patch) -o \(Shell.quoted(facts.strippedName))"
    return """
      ## How to use it

      With \(tool), and `hf` of the Hugging Face Hub:

      \(Markdown.block(commands, language: "sh"))
      Or, where its Python package is installed:

      \(Markdown.block(python, language: "python"))
      `apply` gives the publisher's bytes, or an error and no output. \(loading)
      `strip` gives the base back:

      \(Markdown.block(strip, language: "sh"))
      """
  }

  private var tool: String {
    let address = facts.details.toolAddress ?? ToolAddress.project
    return address.isEmpty ? "`gradiend-patch`" : "[`gradiend-patch`](<\(address)>)"
  }

  /// How the result is run.
  private var loading: String {
    if let file = facts.baseFile {
      return file.hasSuffix(".gguf")
        ? "The output is a GGUF like the base, for llama.cpp and programs built on it.\n"
        : "The output is a weight file like the base.\n"
    }
    let loader =
      switch facts.pipelineTag {
      case "text-generation": "AutoModelForCausalLM"
      case "fill-mask": "AutoModelForMaskedLM"
      default: facts.baseLoader ?? "AutoModel"
      }
    let program = """
      from transformers import \(loader), AutoTokenizer
      model = \(loader).from_pretrained("\(facts.outputName)", dtype="auto")
      tokenizer = AutoTokenizer.from_pretrained("\(facts.outputName)")
      """
    return "The output loads as the base does:\n\n\(Markdown.block(program, language: "python"))"
  }

  // MARK: Digests

  private var digests: String {
    """
    ## Digests

    `gradiend-patch verify MODEL PATCH --sha256` compares the SHA-256 of the weight files; without \
    `--sha256` it compares the values, which may lie in other files.

    Of the base:

    \(Markdown.block(metadata.base.files.lines))
    Of the result:

    \(Markdown.block(metadata.result.files.lines))
    """
  }

  // MARK: Limits

  private var limits: String {
    let scope =
      switch metadata.source {
      case .gradiend(let updates, _):
        (updates.count > 1 ? "Each GRADIEND" : "GRADIEND")
          + " changes one feature, as its training data show it. Debiasing by it is partial, and "
          + "other biases remain."
      case .diff: "Whatever was changed, the biases of the base remain unless shown otherwise."
      }
    let bounded =
      metadata.precision == nil
      ? ""
      : "- The result is not quite what was asked for, within the precision above. Applying and "
        + "stripping are exact all the same.\n"
    return """
      ## Limits

      - \(scope)
      - The change may cost quality elsewhere. Evaluate the result for your use, in your languages \
      and on your data, before you rely on it.
      - The patch fits the values of this base and no other fine-tune of it; `apply` refuses those.
      \(bounded)- The digests guard against accidents. Whether to trust the publisher is for you to \
      say; a signature, if there is one, tells who that is.

      """
  }

  // MARK: Licence

  private var license: String {
    guard let terms = facts.terms else {
      return """
        ## Licence

        The result is derived from \(baseLink), whose licence applies to it.

        """
    }
    return """
      ## Licence

      The result is derived from \(baseLink), under the [\(terms.name)](\(terms.link)); its \
      [use policy](\(terms.usePolicy)) applies.

      \(terms.notice)

      """
  }
}

extension CardFacts {
  /// The base's weight file, unless it is a folder that programs load by its name.
  var baseFile: String? {
    guard let first = patch.metadata.base.files.first?.name, first != "model.safetensors",
      !(first.hasSuffix(".safetensors") && first.contains("-of-"))
    else { return nil }
    return first
  }

  /// The base, as a user names it.
  var baseReference: HubReference {
    let file = baseFile.flatMap { HubReference("\(base)/\($0)")?.path }
    return HubReference(base, revision: baseCommit.map { "\($0)" }, path: file)
  }

  /// What gets the base.
  var baseDownloadCommand: String {
    // Of a split set, one file is not enough.
    let isSplit = patch.metadata.base.files.count > 1
    let whole = HubReference(base, revision: baseReference.revision)
    return (isSplit ? whole : baseReference).downloadCommand
  }

  /// The class that loads the base, where the configuration of its snapshot in the cache tells.
  var baseLoader: String? {
    guard let baseFolder,
      let file = try? MappedFile(path: Folder.join(baseFolder, "config.json")),
      let architecture = (try? JSONValue(parsing: file.bytes))?["architectures"]?.elements?.first?
        .string
    else { return nil }
    return ["ForCausalLM", "ForMaskedLM"].first { architecture.hasSuffix($0) }.map {
      "AutoModel\($0)"
    }
  }

  /// A name for the result that a user makes.
  var outputName: String {
    let ending = "-patch"
    let isBare = repository.name.hasSuffix(ending) && repository.name.count > ending.count
    return name(
      isBare ? String(repository.name.dropLast(ending.count)) : repository.name + "-applied")
  }

  var strippedName: String { name(base.name + "-again") }

  private func name(_ stem: String) -> String {
    baseFile.map { stem + ($0.hasSuffix(".gguf") ? ".gguf" : ".safetensors") } ?? stem
  }
}
