internal import ByteIO
internal import Checkpoints
internal import Hub
internal import PatchFormat

/// Names that cards are written with.
extension CardFacts {
  /// The base's name, or a word that stands for it.
  var baseName: String { base.map { "\($0)" } ?? "BASE" }

  /// The base, in a sentence.
  var baseLink: String {
    base.map { "[\($0)](https://huggingface.co/\($0))" } ?? "its base"
  }

  /// A sentence on the feature, after another one.
  var about: String {
    details.feature.map { " It is about the feature *\(Markdown.plain($0))*." } ?? ""
  }

  /// Where it is published, as commands name it.
  var publishedName: String {
    repository.owner == nil ? "OWNER/\(repository)" : "\(repository)"
  }

  /// This tool.
  var tool: String {
    let address = details.toolAddress ?? ToolAddress.project
    return address.isEmpty ? "`gradiend-patch`" : "[`gradiend-patch`](<\(address)>)"
  }

  /// The base's weight file, unless it is a folder that programs load by its name.
  var baseFile: String? {
    guard let first = subject.baseFiles.first?.name, first != "model.safetensors",
      !(first.hasSuffix(".safetensors") && first.contains("-of-"))
    else { return nil }
    return first
  }

  /// The base, as a user names it.
  var baseReference: HubReference? {
    let file = baseFile.flatMap { HubReference("\(baseName)/\($0)")?.path }
    return base.map { HubReference($0, revision: baseCommit.map { "\($0)" }, path: file) }
  }

  /// What gets the base.
  var baseDownloadCommand: String? {
    // Of a split set, one file is not enough.
    let isSplit = subject.baseFiles.count > 1
    let whole = base.map { HubReference($0, revision: baseReference?.revision) }
    return (isSplit ? whole : baseReference)?.downloadCommand
  }

  /// The class that loads the base, where its card tells, or the configuration of its snapshot in the
  /// cache.
  var loader: String? {
    switch pipelineTag {
    case "text-generation": "AutoModelForCausalLM"
    case "fill-mask": "AutoModelForMaskedLM"
    default: configuredLoader
    }
  }

  private var configuredLoader: String? {
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

  var strippedName: String { name((base?.name ?? baseName) + "-again") }

  private func name(_ stem: String) -> String {
    baseFile.map { stem + ($0.hasSuffix(".gguf") ? ".gguf" : ".safetensors") } ?? stem
  }
}
