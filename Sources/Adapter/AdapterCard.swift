internal import Checkpoints
internal import Hub
internal import PatchEngine

/// The card of an adapter: what the Hub and people are told (Formats/adapter.md, section 6).
struct AdapterCard {
  let summary: AdapterSummary
  /// The base's name on the Hub, if it is known.
  let base: String?
  /// What the factors' file says of where the adapter comes from.
  let origin: [SafetensorsHeader.Metadatum]
  /// PEFT's name for what the models are for.
  let task: String?
  /// Whether there is a GGUF adapter.
  let hasGGUF: Bool

  var text: String { frontMatter + introduction + use + precision + limits }

  private var frontMatter: String {
    var text = "---\n" + YAMLText.member("library_name", "peft")
    if let base { text += YAMLText.member("base_model", base) }
    text += YAMLText.member("base_model_relation", "adapter")
    text += YAMLText.member("tags", ["lora", "gradiend", "gradiend-patch"])
    return text + "---\n\n"
  }

  private var introduction: String {
    let link = base.map { "[\($0)](https://huggingface.co/\($0))" } ?? "its base"
    let rows = origin.filter { !$0.key.hasPrefix("gradiend_patch") }.map {
      "| `\($0.key)` | \(Markdown.plain($0.value)) |\n"
    }
    return """
      # LoRA adapter of a GRADIEND

      For \(link): what a [GRADIEND](https://arxiv.org/abs/2502.01406) adds to the linear layers, made \
      before it is rounded to the base's type, of rank \(summary.rank). The base stays as it is, and \
      serves both models at once.

      | | |
      | --- | --- |
      \(rows.joined())

      """
  }

  private var use: String {
    let base = base ?? "BASE"
    let loader = task == nil ? "AutoModel" : "AutoModelForCausalLM"
    var text = """
      ## How to use it

      With PEFT, `ADAPTER` being this folder or its name on the Hub:

      ```python
      from peft import PeftModel
      from transformers import \(loader)
      model = PeftModel.from_pretrained(\(loader).from_pretrained("\(base)"), "ADAPTER")
      ```


      """
    if task != nil {
      text += """
        With vLLM, where `vllm serve` then offers the model `debiased` besides the base:

        ```sh
        vllm serve \(base) --enable-lora --max-lora-rank \(max(8, summary.rank)) --lora-modules debiased=ADAPTER
        ```


        """
    }
    if hasGGUF {
      text += """
        With llama.cpp, on a GGUF of the base, quantised or not, with the GGUF adapter that was made \
        with this one:

        ```sh
        llama-cli -m BASE.gguf --lora ADAPTER.gguf
        ```


        """
    }
    return text
  }

  private var precision: String {
    let worst = summary.layers.sorted { $0.relativeError > $1.relativeError }.prefix(5).map {
      "| `\($0.module)` | \(Self.decimal($0.relativeError)) |\n"
    }
    let others = summary.leftOut.map {
      "| \(Markdown.plain($0.tensor)) | \(Quantity.share($0.share)) |\n"
    }
    let leftOut =
      others.isEmpty
      ? "Nothing that the GRADIEND changes is left out.\n\n"
      : "Left out, as no linear layer takes it, with its share of the update's squares:\n\n"
        + "| tensor | share |\n| --- | --- |\n" + others.joined() + "\n"
    return """
      ## How good it is

      All in all the adapter misses \(Self.decimal(summary.relativeError)) of the change of the \
      \(summary.layers.count) layers, by the Frobenius norm, with the norms that feed them folded in. \
      Most is missed of these:

      | layer | relative error |
      | --- | --- |
      \(worst.joined())
      \(leftOut)
      """
  }

  private var limits: String {
    """
    ## Limits

    - GRADIEND changes one feature, as its training data show it. Debiasing by it is partial, and \
    other biases remain.
    - The change may cost quality elsewhere. Evaluate it for your use before you rely on it.
    - The base's licence applies.

    """
  }

  private static func decimal(_ value: Double) -> String { Quantity.decimal(value, digits: 3) }
}
