import GradiendPatch
import TestSupport
import Testing

/// Cards and packages of adapters (Formats/hub.md, sections 4 and 5).
@Suite struct AdapterCardTests {
  let scene: AdapterScene
  let summary: AdapterSummary

  init() throws {
    scene = try AdapterTests.scene(rank: 6)
    summary = try scene.make(rank: 3)
  }

  private func text(_ name: String) throws -> String {
    String(decoding: try scene.bench.bytes(name), as: UTF8.self)
  }

  private func details(_ base: String? = "org/base") -> CardDetails {
    var details = CardDetails()
    details.base = base
    details.repository = "me/base-fair-adapter"
    details.feature = "gender"
    details.license = "mit"
    details.languages = ["en"]
    return details
  }

  @discardableResult
  private func card(
    _ details: CardDetails, of folder: String = "adapter"
  ) throws(PatchError) -> ModelCard {
    try Card(patch: scene.bench.path(folder), details: details).run()
  }

  @Test func `an adapter comes with a card that says how it is loaded, and what it misses`() throws
  {
    let card = try text("adapter/README.md")
    #expect(
      card.hasPrefix(
        """
        ---
        library_name: peft
        base_model_relation: adapter
        tags:
        - lora
        - gradiend-patch
        - gradiend
        ---

        # model-gradiend-adapter

        """))
    let worst = try #require(summary.layers.max { $0.relativeError < $1.relativeError })
    for text in [
      #"AutoModelForCausalLM.from_pretrained("BASE", dtype="auto")"#,
      #"PeftModel.from_pretrained(base, "OWNER/model-gradiend-adapter")"#,
      "vllm serve BASE \\\n  --enable-lora --max-lora-rank 8 --lora-modules debiased=OWNER/",
      "llama-cli -m BASE.gguf --lora ADAPTER.gguf", "| Learning rate α | 0.01 |", "| Rank | 3 |",
      "| \(worst.module.replacing("_", with: "\\_")) | 0.", "| model.norm.weight | ",
      "Debiasing by it is partial", "@misc{drechsel2025gradiend",
    ] {
      #expect(card.contains(text), "\(text)")
    }
  }

  @Test func `a card of an adapter says what its publisher says`() throws {
    let commit = String(repeating: "a", count: 40)
    let made = try card(details("org/base@\(commit)"))
    #expect(made.base == "org/base" && made.license == "mit" && made.notes.isEmpty)
    for text in [
      "license: mit\nlanguage:\n- en\nlibrary_name: peft\nbase_model: org/base\nbase_model_relation: adapter\n",
      "# base-fair-adapter\n", "It is about the feature *gender*.",
      #"from_pretrained("org/base", revision="\#(commit)", dtype="auto")"#,
      #"PeftModel.from_pretrained(base, "me/base-fair-adapter")"#,
      "vllm serve org/base --revision \(commit) \\", "debiased=me/base-fair-adapter",
    ] {
      #expect(made.text.contains(text), "\(text)")
    }
    let unknown = try scene.bench.refusal(.usage) { () throws(PatchError) in
      try card(details(nil))
    }
    #expect(unknown.message == "the adapter does not record where on the Hub its base is")
  }

  @Test(arguments: [(1, 8), (8, 8), (9, 16), (200, 256)])
  func `a server is told a rank that it knows`(rank: Int, room: Int) throws {
    try scene.make("other", rank: rank, maxRelativeError: 1)
    #expect(try text("other/README.md").contains("--max-lora-rank \(room) "))
  }

  @Test func `a package of an adapter is a folder that PEFT loads`() throws {
    let output = scene.bench.path("up")
    let made = try Package(
      patch: scene.bench.path("adapter"), output: output, details: details()
    ).run()
    #expect(
      made.files.map(\.name) == [
        "README.md", "adapter_config.json", "adapter_model.safetensors", "SHA256SUMS",
      ])
    #expect(made.uploadCommand.hasPrefix("hf upload me/base-fair-adapter "))
    #expect(try text("up/README.md") == card(details()).text)
    #expect(
      try scene.bench.bytes("up/adapter_model.safetensors")
        == scene.bench.bytes("adapter/adapter_model.safetensors"))
    let before = #""base_model_name_or_path": null"#
    let after = #""base_model_name_or_path": "org/base""#
    let configuration = try text("adapter/adapter_config.json")
    #expect(configuration.contains(before))
    #expect(try text("up/adapter_config.json") == configuration.replacing(before, with: after))
    // A package is an adapter's folder itself.
    #expect(try card(details(), of: "up").text == card(details()).text)
  }

  @Test func `a GGUF adapter in the folder appears, and is published, with it`() throws {
    try scene.make("both", gguf: "both/lora.gguf", rank: 3)
    #expect(
      try scene.bench.folder.tree().filter { $0.hasPrefix("both/") } == [
        "both/README.md", "both/adapter_config.json", "both/adapter_model.safetensors",
        "both/lora.gguf",
      ])
    #expect(try text("both/README.md").contains("llama-cli -m BASE.gguf --lora lora.gguf\n"))
    let output = scene.bench.path("up")
    let made = try Package(patch: scene.bench.path("both"), output: output, details: details())
      .run()
    #expect(made.files.map(\.name).contains("lora.gguf"))
    #expect(try scene.bench.bytes("up/lora.gguf") == scene.bench.bytes("both/lora.gguf"))
    // Without it, it would be lost.
    let lost = try scene.bench.refusal(.cannotCreate) { () throws(PatchError) in
      try scene.make("both", rank: 3, overwrites: true)
    }
    #expect(lost.message.contains("its 'lora.gguf' would be lost"))
    try scene.make("both", gguf: "both/lora.gguf", rank: 3, overwrites: true)
    try scene.make("other", gguf: "other.gguf", rank: 2)
    try scene.bench.folder.write(scene.bench.bytes("other.gguf"), to: "both/other.gguf")
    let error = try scene.bench.refusal(.badInput) { () throws(PatchError) in
      try card(details(), of: "both")
    }
    #expect(error.message.contains("this GGUF has another 'rank' than the adapter beside it"))
  }

  @Test(arguments: ["adapter_model.safetensors", "adapter_config.json"])
  func `no byte of an adapter's files makes a card more than an error`(name: String) throws {
    let bytes = try scene.bench.bytes("adapter/" + name)
    // What lies behind the header is not read.
    let length = min(bytes.count, 5000)
    var generator = SeededGenerator(seed: 23)
    for _ in 0..<300 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        damaged[Int.random(in: 0..<length, using: &generator)] = UInt8.random(
          in: 0...255, using: &generator)
      }
      try scene.bench.folder.write(damaged, to: "adapter/" + name)
      do throws(PatchError) {
        try card(details())
      } catch {
        #expect(error.kind == .badInput || error.kind == .usage, "\(error)")
      }
    }
  }

  @Test func `the adapter of another tool, or another version, is refused`() throws {
    let weights = try scene.bench.bytes("adapter/adapter_model.safetensors")
    let key = Array("gradiend_patch_adapter".utf8)
    let place = try #require(weights.firstRange(of: key))
    var foreign = weights
    foreign[place.upperBound - 1] = UInt8(ascii: "s")
    var newer = weights
    newer[place.upperBound + 3] = UInt8(ascii: "2")
    for (bytes, message) in [
      (foreign, "these are no factors that gradiend-patch made"),
      (newer, "the adapter has version 2, this program reads 1"),
      (Array(weights.prefix(100)), "ends early"),
    ] {
      try scene.bench.folder.write(bytes, to: "adapter/adapter_model.safetensors")
      let error = try scene.bench.refusal(.badInput) { () throws(PatchError) in
        try card(details())
      }
      #expect(error.path == scene.bench.path("adapter/adapter_model.safetensors"))
      #expect(error.message.contains(message), "\(error)")
    }
    try scene.bench.folder.write(weights, to: "adapter/adapter_model.safetensors")
    let configuration = try text("adapter/adapter_config.json")
    try scene.bench.folder.write(
      configuration.replacing("\"r\": 3", with: "\"r\": 4"), to: "adapter/adapter_config.json")
    let error = try scene.bench.refusal(.badInput) { () throws(PatchError) in try card(details()) }
    #expect(error.message.contains("have rank 3, unlike 'r' of its configuration"), "\(error)")
  }
}
