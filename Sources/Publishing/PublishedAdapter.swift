internal import Adapter
internal import ByteIO
internal import Checkpoints
internal import Hub
internal import PatchEngine
internal import PatchFormat

/// An adapter, for its card and its package.
struct PublishedAdapter: CardSubject {
  let path: String
  private let description: AdapterDescription
  /// Nil while it is being made.
  private let folder: AdapterFolder?

  init(_ folder: AdapterFolder) {
    (path, description, self.folder) = (folder.path, folder.description, folder)
  }

  /// An adapter that is being made.
  init(_ description: AdapterDescription, path: String) {
    (self.path, self.description, folder) = (path, description, nil)
  }

  var noun: String { "adapter" }
  var library: String { "peft" }
  var tags: [String] { ["lora", "gradiend-patch", "gradiend"] }
  var source: PatchMetadata.Source { description.source }
  var base: Provenance? { description.base }
  var result: Provenance? { nil }
  var baseFiles: [FileDigest] { [] }
  var picture: String? { nil }

  mutating func measure(_ base: Checkpoint, _ execution: Execution) {}

  // MARK: The card

  func introduction(_ facts: CardFacts) -> String {
    """
    A LoRA adapter for \(facts.baseLink), \(Quantity.bytes(description.byteCount)).\(facts.about) It \
    holds what a GRADIEND adds to the linear layers, before that is rounded to the base's type. The \
    base stays as it is, quantised or not, and serves both models at once.
    """
  }

  var rows: [(String, String)] {
    [
      ("Linear layers adapted", "\(description.layerErrors.count)"),
      ("Rank", "\(description.rank)"),
      (
        "Precision",
        "approximate: it misses \(Self.decimal(description.relativeError)) of what those layers change by"
      ),
    ]
      + (description.savedModules.isEmpty
        ? []
        : [("Modules brought whole", "\(description.savedModules.count), which PEFT alone loads")])
  }

  func use(_ facts: CardFacts) -> String {
    ([peft(facts)] + (description.task == nil ? [] : servers(facts))).joined(separator: "\n")
  }

  private func peft(_ facts: CardFacts) -> String {
    let loader = description.task == nil ? facts.loader ?? "AutoModel" : "AutoModelForCausalLM"
    let revision = facts.baseCommit.map { ", revision=\"\($0)\"" } ?? ""
    let program = """
      from peft import PeftModel
      from transformers import \(loader), AutoTokenizer
      base = \(loader).from_pretrained("\(facts.baseName)"\(revision), dtype="auto")
      tokenizer = AutoTokenizer.from_pretrained("\(facts.baseName)"\(revision))
      model = PeftModel.from_pretrained(base, "\(facts.publishedName)")
      """
    return """
      With [PEFT](https://github.com/huggingface/peft), which has the base within \
      `with model.disable_adapter():`

      \(Markdown.block(program, language: "python"))
      """
  }

  private func servers(_ facts: CardFacts) -> [String] {
    guard description.savedModules.isEmpty else {
      return [
        "vLLM and llama.cpp do not load it, as neither takes modules that are brought whole.\n"
      ]
    }
    let revision = facts.baseCommit.map { " --revision \($0)" } ?? ""
    let serve = """
      vllm serve \(facts.baseName)\(revision) \\
        --enable-lora --max-lora-rank \(rankOfServer) --lora-modules debiased=\(facts.publishedName)
      """
    let (source, name) =
      description.ggufName.map { ("", $0) } ?? (
        " ADAPTER.gguf is what `gradiend-patch adapter --gguf` made besides, or llama.cpp's "
          + "`convert_lora_to_gguf.py` makes of this one.", "ADAPTER.gguf"
      )
    return [
      """
      With [vLLM](https://github.com/vllm-project/vllm), which then offers the model `debiased` besides \
      the base:

      \(Markdown.block(serve, language: "sh"))
      """,
      """
      With [llama.cpp](https://github.com/ggml-org/llama.cpp), on a GGUF of the base, quantised or not.\(source)

      \(Markdown.block("llama-cli -m BASE.gguf --lora \(Shell.quoted(name))", language: "sh"))
      """,
    ]
  }

  /// vLLM leaves room for these ranks, and no others.
  private var rankOfServer: Int {
    [8, 16, 32, 64, 128].first { $0 >= description.rank } ?? 256
  }

  var evidence: String {
    let worst = description.layerErrors.sorted { $0.value > $1.value }.prefix(5).map {
      "| \(Markdown.plain($0.name)) | \(Self.decimal($0.value)) |\n"
    }
    return """
      ## What it misses

      All in all \(Self.decimal(description.relativeError)) of the change of the \
      \(description.layerErrors.count) layers, by the Frobenius norm, with the norms that feed them folded in \
      where that can be. Most is missed of these:

      | layer | relative error |
      | --- | ---: |
      \(worst.joined())
      \(leftOut)
      """
  }

  private var leftOut: String {
    guard !description.leftOut.isEmpty else {
      return "Nothing that the GRADIEND changes is left out.\n"
    }
    let largest = description.leftOut.sorted { $0.value > $1.value }
    let rows = largest.prefix(10).map {
      "| \(Markdown.plain($0.name)) | \(Quantity.share($0.value)) |\n"
    }
    let more =
      largest.count > 10
      ? "\nand of \(largest.count - 10) more tensors, with smaller shares.\n" : ""
    return """
      Left out is \(Quantity.share(description.leftOutShare)) of the update's squares, as no linear layer \
      takes it:

      | tensor | share |
      | --- | ---: |
      \(rows.joined())\(more)
      """
  }

  var limits: [String] {
    [
      "The adapter is made for the values of this base. On another fine-tune of it, it does something "
        + "that nobody measured, and no program refuses that."
    ]
  }

  private static func decimal(_ value: Double) -> String { Quantity.decimal(value, digits: 3) }

  // MARK: The package

  func files(_ facts: CardFacts) -> [(name: String, source: PackageFiles.Source)] {
    guard let folder else { return [] }
    return folder.ggufs.map { (Folder.lastComponent(of: $0.path), .file($0)) } + [
      (AdapterFolder.factorsName, .file(folder.factors)),
      (AdapterFolder.configurationName, .text(configuration(folder.configuration, facts))),
    ]
  }

  /// PEFT's configuration, which has the base's name once that is known.
  private func configuration(_ configuration: JSONValue, _ facts: CardFacts) -> String {
    let members = (configuration.members ?? []).map { member -> JSONValue.Member in
      switch member.key {
      case "base_model_name_or_path": .init(member.key, .string(facts.baseName))
      case "revision": .init(member.key, facts.baseCommit.map { .string("\($0)") } ?? .null)
      default: member
      }
    }
    return JSONValue.object(members).text(isIndented: true) + "\n"
  }
}
