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
  private func read(_ card: String) throws -> [String: Any] {
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
      "| Learning rate α | 0.5 |", "| Part | decoder |", "| Precision | exact |",
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

  // MARK: The package

  private func package(_ output: String, _ words: String...) throws -> Program.Outcome {
    try stage.program.run(
      ["package", "made", "-o", output, "--repository=me/Llama-fair-patch"] + words)
  }

  @Test func `the package holds all that the Hub and the licence ask for`() throws {
    let made = try package("up")
    #expect(made.status == 0)
    #expect(made.error.isEmpty, "\(made.error)")
    #expect(made.output.hasPrefix("up: 8 files, ready for the Hub\n"))
    let upload = "hf upload me/Llama-fair-patch up . --delete '*'"
    #expect(made.output.hasSuffix("\nto upload it, in place of what is there:\n  \(upload)\n"))
    let names = try stage.folder.tree().filter { $0.hasPrefix("up/") }
    #expect(
      names == [
        "up/LICENSE.txt", "up/NOTICE", "up/README.md", "up/SHA256SUMS", "up/USE_POLICY.md",
        "up/changes.svg", "up/config.json", "up/gradiend_patch.safetensors",
      ])
    #expect(
      try stage.folder.bytes(of: "up/gradiend_patch.safetensors") == stage.folder.bytes(of: "made"))
    #expect(try stage.folder.bytes(of: "up/LICENSE.txt") == Array("the agreement".utf8))
    let notice = String(decoding: try stage.folder.bytes(of: "up/NOTICE"), as: UTF8.self)
    #expect(notice.hasPrefix("Llama 3.2 is licensed under the Llama 3.2 Community License, "))
    let configuration = try JSONSerialization.jsonObject(
      with: Data(stage.folder.bytes(of: "up/config.json")))
    let fields = try #require(configuration as? [String: String])
    #expect(fields["base_model"] == Self.base)
    #expect(fields["base_model_commit"] == cache.commit)
    #expect(fields["feature_factor"] == "-1.0")
    #expect(fields["model_type"] == nil)
    let sums = Program(folder: stage.folder.path("up"), executable: "sha256sum")
    let checked = try sums.run("--check", "--strict", "SHA256SUMS")
    #expect(checked.status == 0)
    #expect(checked.output.split(separator: "\n").count == 7)
  }

  @Test func `a licence that leads out of the base's repository is not followed`() throws {
    try stage.folder.write("secret", to: "secret")
    try FileManager.default.createSymbolicLink(
      atPath: cache.folder.path(cache.snapshot(of: Self.base) + "/NOTICE.txt"),
      withDestinationPath: stage.folder.path("secret"))
    let refused = try package("up")
    #expect(refused.status == 65)
    #expect(refused.error.contains("NOTICE.txt: this link leads out of the repository's folder"))
    #expect(try !stage.folder.names().contains("up"))
  }

  @Test func `the card of a package is that of 'card', and shows the picture`() throws {
    #expect(try package("up").status == 0)
    let card = try stage.run("card", "made", "--repository=me/Llama-fair-patch").output
    let packaged = String(decoding: try stage.folder.bytes(of: "up/README.md"), as: UTF8.self)
    let picture = "\n![What the patch changes, layer by layer](changes.svg)\n"
    #expect(packaged.contains(picture) && packaged.replacing(picture, with: "") == card)
    let drawn = try stage.folder.bytes(of: "up/changes.svg")
    #expect(drawn.starts(with: Array("<svg ".utf8)))
    #expect(try read("up/README.md")["license"] as? String == "llama3.2")
  }

  @Test func `the same patch gives the same bytes, and takes the place of an older package`()
    throws
  {
    #expect(try package("a").status == 0)
    #expect(try package("b").status == 0)
    try stage.folder.write("signature", to: "b/model.sig")
    #expect(try package("b").status == 73)
    #expect(try package("b", "--force").error.isEmpty)
    let files = try stage.folder.tree().filter { $0.hasPrefix("a/") }.map { $0.dropFirst(2) }
    // A signature of other bytes is none.
    #expect(try stage.folder.tree().filter { $0.hasPrefix("b/") }.map { $0.dropFirst(2) } == files)
    for name in files {
      #expect(try stage.folder.bytes(of: "a/" + name) == stage.folder.bytes(of: "b/" + name))
    }
  }

  @Test(arguments: [
    (#"{"feature_class_encoding_direction": {"female": 1, "male": -1}}"#, -1, "male" as String?),
    (#"{"feature_class_encoding_direction": {"female": 1, "male": -1}}"#, 1, "female"),
    (#"{"feature_class_encoding_direction": {"female": "1", "male": -1}}"#, 1, nil),
    (#"{"feature_class_encoding_direction": [1]}"#, 1, nil), ("{", 1, nil), ("{}", 1, nil),
  ])
  func `what h goes towards is said where the GRADIEND tells`(
    context: String, factor: Int, class name: String?
  ) throws {
    try cache.add("gradiend_context.json", context.utf8, to: "me/gradiend")
    let made = try stage.run(
      "create", Self.base, "me/gradiend", "--feature-factor=\(factor)", "--learning-rate=0.5",
      "-o", "told")
    #expect(made.status == 0, "\(made.error)")
    let towards = name.map { ", towards \($0)" }
    let inspected = try stage.run("inspect", "told", "--svg", "told.svg").output
    #expect(inspected.contains("\nh \(factor).0\(towards ?? "none")\n") == (name != nil))
    #expect(inspected.contains("feature_classes") == (name != nil))
    let card = try stage.run("card", "told").output
    #expect(card.contains("| Feature factor h | \(factor).0\(towards ?? "") |"))
    let picture = String(decoding: try stage.folder.bytes(of: "told.svg"), as: UTF8.self)
    #expect(picture.contains("feature factor \(factor).0\(towards ?? ""), learning rate"))
    #expect(try stage.run("apply", Self.base, "told", "-o", "result-\(factor)").status == 0)
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

  @Test func `what a publisher appends to the card stays when the package is made again`() throws {
    try stage.folder.write("## Evaluation\n\nfair: 0.9", to: "more.md")
    #expect(try package("up", "--append=more.md").status == 0)
    func card() throws -> String {
      String(decoding: try stage.folder.bytes(of: "up/README.md"), as: UTF8.self)
    }
    #expect(try card().hasSuffix(" -->\n\n## Evaluation\n\nfair: 0.9\n"))
    #expect(try package("up", "--force", "--feature=gender").status == 0)
    let again = try card()
    #expect(again.contains("*gender*") && again.hasSuffix(" -->\n\n## Evaluation\n\nfair: 0.9\n"))
    try stage.folder.write("other\n", to: "more.md")
    #expect(try package("up", "--force", "--append=more.md").status == 0)
    #expect(try card().hasSuffix(" -->\n\nother\n") && !card().contains("fair: 0.9"))
    try stage.folder.write([0xFF, 0xFE], to: "more.md")
    #expect(try package("other", "--append=more.md").status == 65)
  }

  @Test func `the card says where the tool is, whom to cite, and how it goes in Python`() throws {
    let card = try stage.run(
      "card", "made", "--repository=me/Llama-x", "--tool-url=https://example.org/tool"
    ).output
    for part in [
      "With [`gradiend-patch`](<https://example.org/tool>), and `hf`",
      "@misc{drechsel2025gradiend,",
      "gradiend_patch.apply(\"\(Self.base)@\(cache.commit)\", \"me/Llama-x\", \"Llama-x-applied\")",
    ] {
      #expect(card.contains(part), "\(part)")
    }
    #expect(try stage.run("card", "made").output.contains("With `gradiend-patch`, and `hf`"))
    let difference = try stage.run("card", "patch", "--base=org/base").output
    #expect(!difference.contains("@misc"))
  }

  @Test func `the project's address, if there is one, is in the card and in the README`() throws {
    let source = try String(
      contentsOfFile: Fixtures.repository("Sources/Publishing/ToolAddress.swift"), encoding: .utf8)
    let address = try #require(source.firstMatch(of: #/project = "(.*)"/#)).1
    guard !address.isEmpty else { return }
    let card = try stage.run("card", "made").output
    let readme = try String(contentsOfFile: Fixtures.repository("README.md"), encoding: .utf8)
    #expect(card.contains(address) && readme.contains(address))
  }

  @Test func `standard output is for texts, and an error elsewhere`() throws {
    let card = try stage.run("card", "made", "--repository=me/Llama-x")
    #expect(
      try stage.run("card", "made", "--repository=me/Llama-x", "-o", "-").output == card.output)
    #expect(try stage.run("inspect", "made", "--svg", "-").output.hasPrefix("<svg "))
    #expect(try stage.run("inspect", "made", "--html=-").output.hasPrefix("<!DOCTYPE html>"))
    #expect(try stage.run("inspect", "made", "--html=-", "--svg=-").status == 64)
    #expect(try stage.run("inspect", "made", "--html=-", "--json").status == 64)
    #expect(try stage.run("inspect", "made", "-q", "--svg=x.svg").output.isEmpty)
    for words in [
      ["package", "made", "-o", "-"], ["apply", Self.base, "made", "-o", "-"],
      ["diff", "base", "result", "-o", "-"],
      ["create", Self.base, "me/gradiend", "--feature-factor=1", "--learning-rate=1", "-o-"],
    ] {
      let refused = try stage.program.run(words)
      #expect(refused.status == 64, "\(words) \(refused.error)")
      #expect(refused.error.contains("one of this name is './-'"))
    }
    #expect(try !stage.folder.names().contains("-"))
  }

  @Test func `a clone keeps its history and all that is not the package's`() throws {
    try stage.folder.write("history", to: "clone/.git/HEAD")
    try stage.folder.write("*.safetensors filter=lfs", to: "clone/.gitattributes")
    let first = try package("clone", "--force")
    #expect(first.status == 0, "\(first.error)")
    #expect(
      first.error
        == "note: kept in the folder, as no part of the package: .git, .gitattributes\n")
    // The older package has a file that the new one has not.
    try stage.folder.write("{}", to: "clone/eval.json")
    try cache.folder.remove(cache.snapshot(of: Self.base) + "/USE_POLICY.md")
    let again = try package("clone", "--force")
    #expect(again.error.contains(": .git, .gitattributes, eval.json\n"), "\(again.error)")
    #expect(try stage.folder.bytes(of: "clone/.git/HEAD") == Array("history".utf8))
    #expect(try !stage.folder.tree().contains("clone/USE_POLICY.md"))
    let sums = Program(folder: stage.folder.path("clone"), executable: "sha256sum")
    #expect(try sums.run("--check", "--strict", "--quiet", "SHA256SUMS").status == 0)
  }

  @Test(arguments: ["README.md", "LICENSE.txt", "SHA256SUMS"])
  func `what somebody wrote into a package is not replaced`(name: String) throws {
    #expect(try package("up").status == 0)
    let edited = try stage.folder.bytes(of: "up/" + name) + Array("## Evaluation\n".utf8)
    try stage.folder.write(edited, to: "up/" + name)
    let before = try stage.folder.tree()
    let refused = try package("up", "--force", "--feature=gender")
    #expect(refused.status == 73, "\(refused.error)")
    #expect(refused.error.contains("is not as a package left it, and would be lost"))
    #expect(try stage.folder.bytes(of: "up/" + name) == edited)
    #expect(try stage.folder.tree() == before)
  }

  @Test func `a list of digests removes nothing outside of its folder`() throws {
    #expect(try package("up").status == 0)
    let line = try stage.sha256(of: "made") + "  ../made\n"
    try stage.folder.write(line, to: "up/SHA256SUMS")
    let again = try package("up", "--force")
    #expect(again.status == 0, "\(again.error)")
    #expect(try stage.folder.names().contains("made"))
  }

  @Test func `a base in the cache that is another than the patch's is refused`() throws {
    let other = String(repeating: "ab", count: 32)
    try cache.add("model.safetensors", [1, 2, 3], to: "org/other", blob: other)
    try stage.folder.remove("patch")
    #expect(try stage.run("diff", "base", "result", "-o", "patch").status == 0)
    let refused = try stage.run("card", "patch", "--base=org/other")
    #expect(refused.status == 65)
    #expect(refused.error.contains("org/other is not the base of the patch"), "\(refused.error)")
    #expect(refused.error.contains("is \(other), expected"))
  }

  @Test func `a wrong base is told how to get the right one`() throws {
    let refused = try stage.run("apply", "result", "made", "-o", "out")
    #expect(refused.status == 1)
    #expect(
      refused.error.contains(
        "this gets it: hf download \(Self.base) --revision \(cache.commit)\n"),
      "\(refused.error)")
  }

  @Test func `a base under terms of its own is not given another licence without a word`() throws {
    let made = try stage.run("card", "made", "--license=mit", "--repository=me/x")
    #expect(made.status == 0)
    #expect(made.error.contains("the base is under the Llama 3.2 Community License"))
  }

  @Test func `a package serves wherever a patch does`() throws {
    #expect(try package("up").status == 0)
    #expect(try stage.run("apply", Self.base, "up", "-o", "out").status == 0)
    #expect(try stage.run("verify", "out", "up", "--expect=result").status == 0)
    #expect(try stage.run("inspect", "up").output.hasPrefix("up: patch, "))
    #expect(try stage.run("package", "up", "-o", "again").status == 0)
    #expect(try stage.run("package", "up", "-o", "up", "--force").status == 73)
  }

  @Test func `a licence text that is not there is asked for, and a publisher's goes first`() throws
  {
    try cache.folder.remove(cache.snapshot(of: Self.base) + "/LICENSE.txt")
    let note = "wants a copy of itself in the package; name one with --license-file"
    #expect(try package("up").error.contains(note))
    try stage.folder.write("mine", to: "licence")
    let made = try package("mine", "--license-file=licence")
    #expect(made.error.isEmpty, "\(made.error)")
    #expect(try stage.folder.bytes(of: "mine/LICENSE") == Array("mine".utf8))
  }

  @Test func `Python's safetensors opens the patch of a package`() throws {
    let interpreter = try Python.interpreter(with: "safetensors, numpy")
    #expect(try package("up").status == 0)
    let python = Program(folder: stage.folder.path, executable: interpreter)
    let outcome = try python.run(
      "-c",
      """
      from safetensors import safe_open
      with safe_open("up/gradiend_patch.safetensors", "np") as file:
          print(file.metadata()["base_repository"], sorted(file.keys()), file.get_tensor("index").dtype)
      """)
    #expect(outcome.output == "\(Self.base) ['deltas', 'index'] uint8\n", "\(outcome.error)")
  }
}
