import Foundation
import TestSupport
import Testing

/// The card and the package of a patch.
@Suite struct PublishingTests {
  var stage: Stage
  let cache: HubCacheBuilder
  static let base = "meta-llama/Llama-3.2-1B"

  init() throws {
    stage = try Stage()
    cache = try HubCacheBuilder()
    stage.program.environment = cache.environment
    let weights = try stage.folder.bytes(of: "base.safetensors")
    try cache.add("model.safetensors", weights, to: Self.base)
    try cache.add(
      "README.md",
      """
      ---
      license: llama3.2
      language:
      - en
      - "no" # Norwegian
      pipeline_tag: text-generation
      datasets: [org/what-the-base-was-trained-on]
      extra_gated_prompt: >-
        license: mit
      ---
      # Llama
      """, to: Self.base)
    try cache.add("LICENSE.txt", "the agreement", to: Self.base)
    try cache.add("USE_POLICY.md", "the policy", to: Self.base)
    for name in ["model.safetensors", "config.json", "masks.safetensors", "indices.safetensors"] {
      try cache.add(name, stage.folder.bytes(of: "gradiend/" + name), to: "me/gradiend")
    }
    let made = try stage.run(
      "create", Self.base, "me/gradiend", "--feature-factor=-1", "--learning-rate=0.5",
      "-o", "made")
    try #require(made.status == 0, "\(made.error)")
  }

  /// What huggingface_hub reads in a card.
  func read(_ card: String) throws -> [String: Any] {
    let interpreter = try Python.interpreter(with: "huggingface_hub")
    let python = Program(folder: stage.folder.path, executable: interpreter)
    let outcome = try python.run("-B", Fixtures.repository("Tests/hub/read_card.py"), card)
    try #require(outcome.status == 0, "\(outcome.error)")
    let object = try JSONSerialization.jsonObject(with: Data(outcome.output.utf8))
    return try #require((object as? [String: Any])?["data"] as? [String: Any])
  }

  // MARK: The card

  @Test func `the card says for the Hub what it asks for`() throws {
    let written = try stage.run(
      "card", "made", "-o", "README.md", "--feature=gender", "--dataset=org/genter",
      "--tag", "debiasing,yes", "--repository=me/Llama-fair-patch")
    #expect(written.status == 0)
    #expect(written.error.isEmpty, "\(written.error)")
    #expect(written.output == "README.md: the card of me/Llama-fair-patch\n")
    let data = try read("README.md")
    #expect(data["license"] as? String == "llama3.2")
    #expect(data["language"] as? [String] == ["en", "no"])
    #expect(data["library_name"] as? String == "gradiend-patch")
    #expect(data["pipeline_tag"] as? String == "text-generation")
    #expect(data["base_model"] as? String == Self.base)
    #expect(data["base_model_relation"] as? String == "adapter")
    #expect(data["datasets"] as? [String] == ["org/genter"])
    #expect(data["tags"] as? [String] == ["gradiend-patch", "gradiend", "debiasing", "yes"])
  }

  @Test func `the card says for people how to use the patch, and what to beware of`() throws {
    let card = try stage.run("card", "made", "--repository=me/Llama-fair-patch").output
    let commit = cache.commit
    for part in [
      "# Llama-fair-patch\n", "**Built with Llama**\n", "| Feature factor h | -1.0 |",
      "| Learning rate α | 0.5 |", "| Part | decoder |",
      "| Precision | exact to the result as it is rounded |",
      "| Kept of the update | ",
      "at commit `\(commit)`", "[me/gradiend](https://huggingface.co/me/gradiend)",
      "| Parameters changed | 8 of 13, 61.5 % |",
      """
      hf download meta-llama/Llama-3.2-1B --revision \(commit)
      hf download me/Llama-fair-patch
      gradiend-patch apply meta-llama/Llama-3.2-1B@\(commit) \\
        me/Llama-fair-patch -o Llama-fair
      gradiend-patch verify Llama-fair me/Llama-fair-patch --expect result
      """, "gradiend-patch strip Llama-fair me/Llama-fair-patch -o Llama-3.2-1B-again",
      "AutoModelForCausalLM.from_pretrained(\"Llama-fair\", dtype=\"auto\")",
      try stage.sha256(of: "base.safetensors") + "  model.safetensors",
      "Debiasing by it is partial", "Evaluate the result for your use",
      "Llama 3.2 is licensed under the Llama 3.2 Community License, Copyright ©",
      "https://www.llama.com/llama3_2/use-policy",
    ] {
      #expect(card.contains(part), "\(part)")
    }
  }

  @Test func `the commands of a card work as they stand`() throws {
    try cache.add(
      "gradiend_patch.safetensors", stage.folder.bytes(of: "made"), to: "me/Llama-fair-patch")
    let card = try stage.run("card", "made", "--repository=me/Llama-fair-patch").output
    let blocks = card.components(separatedBy: "```sh\n").dropFirst()
    let script = blocks.map { $0.components(separatedBy: "```")[0] }.joined()
      .split(separator: "\n").filter { !$0.hasPrefix("hf ") }.joined(separator: "\n")
    var shell = Program(folder: stage.folder.path, executable: "/bin/sh")
    shell.environment = cache.environment
    let folder = URL(fileURLWithPath: Program.path).deletingLastPathComponent().path
    let outcome = try shell.run("-ec", "PATH=\(folder):$PATH\n" + script)
    #expect(outcome.status == 0, "\(outcome.error)")
    #expect(
      try stage.folder.bytes(of: "Llama-3.2-1B-again/model.safetensors")
        == stage.folder.bytes(of: "base.safetensors"))
  }

  @Test func `what a publisher says goes before what the base's card says`() throws {
    let words = [
      "card", "made", "--license=other", "--license-name=my terms: 2", "--license-link=https://x.y",
      "--language=de", "-o", "README.md", "--repository=me/x",
    ]
    let written = try stage.program.run(words)
    #expect(written.status == 0)
    #expect(written.error.isEmpty, "\(written.error)")
    let data = try read("README.md")
    #expect(data["license_name"] as? String == "my terms: 2")
    #expect(data["language"] as? [String] == ["de"])
    let text = String(decoding: try stage.folder.bytes(of: "README.md"), as: UTF8.self)
    #expect(!text.contains("Built with Llama"))
  }

  @Test func `texts of others are nothing but text`() throws {
    let feature = "a|b\n---\n# <script>`x` [l](u) \\"
    let written = try stage.run(
      "card", "made", "-o", "README.md", "--feature", feature, "--tag", "x: [y],#z,- a")
    #expect(written.status == 0, "\(written.error)")
    #expect(
      try read("README.md")["tags"] as? [String] == [
        "gradiend-patch", "gradiend", "x: [y]", "#z", "- a",
      ])
    let text = String(decoding: try stage.folder.bytes(of: "README.md"), as: UTF8.self)
    #expect(text.contains(##"*a\|b --- \# \<script\>\`x\` \[l\](u) \\*"##))
    #expect(text.split(separator: "\n").count { $0 == "---" } == 2)
  }

  @Test func `what a publisher should know is a note`() throws {
    var stage = stage
    #expect(try stage.run("card", "made").error.contains("with --repository OWNER/NAME"))
    let name = try stage.run("card", "made", "--repository=me/fair-Llama")
    #expect(name.status == 0)
    #expect(
      name.error == "note: the Llama 3.2 Community License wants the name of a derived model to "
        + "begin with 'Llama', and 'fair-Llama' does not\n")
    stage.program.environment = []
    let without = try stage.run("card", "made", "--repository=me/Llama")
    #expect(without.error.contains("hf download meta-llama/Llama-3.2-1B README.md"))
    #expect(without.error.contains("taken to be 'llama3.2' from the base's name"))
    #expect(without.output.contains("license: llama3.2\n"))
    let other = try stage.run("card", "patch", "--base=org/base", "--repository=me/x")
    #expect(other.error.contains("the licence is not known"))
    #expect(!other.output.contains("license:"))
  }

  @Test(
    arguments: [
      (["card", "patch"], 64, "does not record where on the Hub its base is"),
      (["card", "patch", "--base=a//b"], 64, "cannot be the base's name"),
      (["card", "patch", "--base=a/b/c"], 64, "cannot be the base's name"),
      (["card", "made", "--repository=a b"], 64, "cannot be the name of a repository"),
      (["card", "made", "--dataset=x y"], 64, "cannot be the name of a data set"),
      (["card", "none"], 66, "No such file"),
      (["card", "base.safetensors"], 65, "not a patch"),
      (["card", "made", "-o", "made", "--force"], 73, "one of the inputs"),
      (["card", "made", "-o", "patch"], 73, "already something"),
      (["package", "made"], 64, "missing option '--output FOLDER'"),
      (["package", "made", "-o", "base"], 73, "already something"),
      (
        ["package", "made", "-o", "base", "--force"], 73,
        "its 'config.json' is not as a package left it"
      ),
      (["package", "made", "-o", "patch", "--force"], 73, "a package is a folder"),
      (
        ["card", "made", "--base=other/base"], 64, "is not the base that the patch records: \(base)"
      ),
      (
        ["card", "made", "--base=\(base)@\(String(repeating: "f", count: 40))"], 64,
        "is not the base that the patch records"
      ),
      (["card", "made", "--license=Apache-2.0"], 64, "did you mean 'apache-2.0'?"),
      (["card", "made", "--license=apache2"], 64, "did you mean 'apache-2.0'?"),
      (["card", "made", "--license=MIT License"], 64, "did you mean 'mit'?"),
      (["card", "made", "--tool-url=a>b"], 64, "is no address"),
      (["card", "made", "--license=foo"], 64, "'foo' is no licence that the Hub knows\n"),
      (["package", "made", "-o", "x", "--license-file", "none"], 66, "none: No such file"),
    ] as [([String], Int32, String)])
  func `what cannot be is refused`(words: [String], status: Int32, message: String) throws {
    let before = try stage.folder.tree()
    let outcome = try stage.program.run(words)
    #expect(outcome.status == status, "\(outcome.error)")
    #expect(outcome.error.contains(message), "\(outcome.error)")
    #expect(outcome.output.isEmpty)
    #expect(try stage.folder.tree() == before)
  }

  static let results = #"""
    {"results": [{"task": {"type": "text-generation"}, "dataset": {"name": "GEN|TER", "type": "a/b"},
    "metrics": [{"type": "accuracy", "value": 0.97}, {"type": "loss", "name": "L: é", "value": 2}]}]}
    """#

  @Test func `evaluation results are for the Hub and for people`() throws {
    try stage.folder.write(Self.results, to: "results.json")
    let made = try stage.run(
      "card", "made", "-o", "README.md", "--results=results.json", "--repository=me/Llama-x")
    #expect(made.status == 0, "\(made.error)")
    let index = try #require(try read("README.md")["model-index"] as? [[String: Any]])
    #expect(index.count == 1 && index[0]["name"] as? String == "Llama-x")
    let result = try #require((index[0]["results"] as? [[String: Any]])?.first)
    let metrics = try #require(result["metrics"] as? [[String: Any]])
    #expect(metrics[0]["value"] as? Double == 0.97 && metrics[1]["name"] as? String == "L: é")
    let text = String(decoding: try stage.folder.bytes(of: "README.md"), as: UTF8.self)
    #expect(text.contains("| text-generation | GEN\\|TER | accuracy | 0.97 |\n"))
    #expect(text.contains("| text-generation | GEN\\|TER | L: é | 2 |\n"))
  }

  @Test(arguments: [
    ("[]", "not a JSON object"), ("{", "not JSON"), (#"{"results": []}"#, "it has no 'results'"),
    (#"{"results": [{}]}"#, "result 1 has no 'type' of its 'task'"),
    (
      results.replacing("0.97", with: "null"),
      "result 1 has no 'value' of a metric, a number or a text"
    ), ("\u{0}", "not JSON"),
  ])
  func `results that the Hub does not take are refused`(text: String, message: String) throws {
    try stage.folder.write(text, to: "results.json")
    let refused = try stage.run("card", "made", "--results=results.json")
    #expect(refused.status == 65)
    #expect(refused.error.contains("results.json") && refused.error.contains(message))
  }

  @Test func `of a sum, each GRADIEND is told`() throws {
    let folder = cache.folder
    try cache.add(
      "gradiend_context.json", #"{"feature_class_encoding_direction": {"b": 1, "a": -1}}"#.utf8,
      to: "me/gradiend")
    var builder = GradiendBuilder([.init("up.weight", [2, 4])], latentCount: 2, seed: 3)
    let other = try builder.write(to: folder, as: "other")
    let made = try stage.run(
      "create", Self.base, "me/gradiend", other, "--feature-factor=-1", "--learning-rate=0.5",
      "--learning-rate=0.25", "--feature-factor", "1,-0.5", "-o", "sum")
    #expect(made.status == 0, "\(made.error)")
    let inspected = try stage.run("inspect", "sum", "--svg", "sum.svg").output
    #expect(
      inspected.contains(
        """

        GRADIEND 1: h -1.0, learning rate 0.5, towards a
        GRADIEND 2: h 1.0,-0.5, learning rate 0.25

        """))
    let json = try stage.run("inspect", "sum", "--json").output
    #expect(json.contains(#""towards": "a""#) && json.contains(#""towards": null"#))
    let card = try stage.run("card", "sum").output
    #expect(card.contains("the sum of all 2 is added and rounded once"))
    for row in [
      "Feature factor h, GRADIEND 1 | -1.0, towards a", "Learning rate α, GRADIEND 1 | 0.5",
      "GRADIEND, GRADIEND 1 | [me/gradiend]", "Feature factor h, GRADIEND 2 | 1.0,-0.5",
    ] {
      #expect(card.contains("| \(row)"), "\(card)")
    }
    let picture = String(decoding: try stage.folder.bytes(of: "sum.svg"), as: UTF8.self)
    #expect(picture.contains("GRADIEND 1, feature factor -1.0, towards a, learning rate 0.5<"))
    #expect(picture.contains("GRADIEND 2, feature factor 1.0,-0.5, learning rate 0.25<"))
  }
}
