import Foundation
import TestSupport
import Testing

/// Names on the Hub wherever a path can be.
@Suite struct HubNameTests {
  var stage: Stage
  let cache: HubCacheBuilder
  static let base = "org/Base-1B"

  init() throws {
    stage = try Stage()
    cache = try HubCacheBuilder()
    stage.program.environment = cache.environment
    try add("base", to: Self.base, digest: nil)
    try add("result", to: "org/Result-1B", digest: nil)
    let patch = try stage.folder.bytes(of: "patch")
    try cache.add("gradiend_patch.safetensors", patch, to: "org/patch")
    for name in ["model.safetensors", "config.json", "masks.safetensors", "indices.safetensors"] {
      try cache.add(name, stage.folder.bytes(of: "gradiend/" + name), to: "org/gradiend")
    }
  }

  /// Adds the model of the stage that has this name, its weights under their digest.
  private func add(_ name: String, to repository: String, digest: String?) throws {
    let bytes = try stage.folder.bytes(of: name + "/model.safetensors")
    let blob = try digest ?? stage.sha256(of: name + "/model.safetensors")
    try cache.add("model.safetensors", bytes, to: repository, blob: blob)
    try cache.add("config.json", "{}", to: repository)
  }

  private func metadata(of patch: String) throws -> [String: String] {
    let report = try stage.run("inspect", patch, "--json").output
    let object = try JSONSerialization.jsonObject(with: Data(report.utf8)) as? [String: Any]
    return try #require(object?["metadata"] as? [String: String])
  }

  // MARK: Every command

  @Test func `create and diff record where their inputs come from`() throws {
    let created = try stage.run(
      "create", Self.base, "org/gradiend", "--feature-factor=1", "--learning-rate=0.5")
    #expect(created.status == 0, "\(created.error)")
    let made = try metadata(of: "gradiend_patch.safetensors")
    #expect(made["base_repository"] == Self.base)
    #expect(made["base_commit"] == cache.commit)
    #expect(made["gradiend_repository"] == "org/gradiend")
    #expect(made["gradiend_commit"] == cache.commit)
    #expect(made["result_repository"] == nil)

    // A path into the cache tells as much as a name.
    let result = cache.folder.path(cache.snapshot(of: "org/Result-1B"))
    let compared = try stage.run("diff", Self.base + "@main", result, "-o", "compared")
    #expect(compared.status == 0, "\(compared.error)")
    let found = try metadata(of: "compared")
    #expect(found["base_repository"] == Self.base)
    #expect(found["result_repository"] == "org/Result-1B")
    #expect(found["result_commit"] == cache.commit)
    #expect(try metadata(of: "patch")["base_repository"] == nil)
  }

  @Test func `apply, strip, verify and inspect take names`() throws {
    let applied = try stage.run("apply", Self.base, "org/patch", "-o", "applied")
    #expect(applied.status == 0, "\(applied.error)")
    #expect(
      try stage.folder.bytes(of: "applied/model.safetensors")
        == stage.folder.bytes(of: "result.safetensors"))
    let stripped = try stage.run(
      "strip", "org/Result-1B@\(cache.commit)", "hf://org/patch", "-o", "stripped")
    #expect(stripped.status == 0, "\(stripped.error)")
    #expect(
      try stage.folder.bytes(of: "stripped/model.safetensors")
        == stage.folder.bytes(of: "base.safetensors"))
    let file = Self.base + "/model.safetensors"
    #expect(try stage.run("verify", file, "org/patch", "--expect", "base").status == 0)
    #expect(try stage.run("inspect", "org/patch").output.hasPrefix("org/patch: patch, "))
    #expect(try stage.run("inspect", "org/gradiend").output.contains("GRADIEND checkpoint"))
    #expect(try stage.run("inspect", Self.base).output.contains("checkpoint, 3 tensors"))
  }

  @Test func `a path that exists wins over a name`() throws {
    try stage.folder.write(stage.folder.bytes(of: "result.safetensors"), to: Self.base)
    let verdict = try stage.run("verify", Self.base, "patch")
    #expect(verdict.output.hasPrefix("org/Base-1B: the result"))
    let named = try stage.run("verify", "hf://" + Self.base, "patch")
    #expect(named.output.hasPrefix("hf://org/Base-1B: the base"))
  }

  // MARK: What is not there

  @Test(arguments: [
    (
      "org/none",
      """
      gradiend-patch: org/none: no such file or folder, and 'org/none' is not in the Hub's cache, #
      if it is on the Hub, this gets it: hf download org/none

      """
    ),
    (
      "hf://gpt2",
      """
      gradiend-patch: hf://gpt2: 'gpt2' is not in the Hub's cache, #
      if it is on the Hub, this gets it: hf download gpt2

      """
    ),
    (
      "org/Base-1B@v2",
      """
      gradiend-patch: org/Base-1B@v2: the Hub's cache has 'org/Base-1B', but not its revision 'v2'
      if it is on the Hub, this gets it: hf download org/Base-1B --revision v2

      """
    ),
    (
      "org/Base-1B/x.gguf",
      """
      gradiend-patch: org/Base-1B/x.gguf: the Hub's cache has 'org/Base-1B', but no 'x.gguf' of \
      this revision
      if it is on the Hub, this gets it: hf download org/Base-1B x.gguf

      """
    ),
    (
      "none.safetensors",
      """
      gradiend-patch: none.safetensors: No such file or directory

      """
    ),
  ])
  func `what is not in the cache is said, with the command that gets it`(
    name: String, message: String
  ) throws {
    let outcome = try stage.run("verify", name, "patch")
    #expect(outcome.status == 66)
    #expect(outcome.error.replacing(cache.folder.path, with: "#") == message)
  }

  @Test func `without a cache, names are paths`() throws {
    var stage = stage
    stage.program.environment = []
    let plain = try stage.run("verify", "org/none", "patch")
    #expect(plain.status == 66)
    #expect(plain.error == "gradiend-patch: org/none: No such file or directory\n")
    let named = try stage.run("verify", "hf://org/none", "patch")
    #expect(named.status == 66)
    #expect(named.error.contains("neither HF_HUB_CACHE nor HOME says where"))
  }

  @Test func `a snapshot that lacks the weights says what gets the rest`() throws {
    try cache.add("config.json", "{}", to: "org/partial")
    let outcome = try stage.run("apply", "org/partial", "patch", "-o", "out")
    #expect(outcome.status == 65 || outcome.status == 66)
    #expect(
      outcome.error.hasSuffix(
        "if it is not in the cache as a whole, this gets the rest: hf download org/partial\n"))
  }

  @Test func `a link whose blob is gone says what gets it again`() throws {
    let blob = try stage.sha256(of: "base/model.safetensors")
    try cache.folder.remove("models--org--Base-1B/blobs/" + blob)
    let outcome = try stage.run("apply", Self.base, "patch", "-o", "out")
    #expect(outcome.status == 66)
    #expect(outcome.error.contains("hf download org/Base-1B"))
    let file = try stage.run("apply", Self.base + "/model.safetensors", "patch", "-o", "out")
    #expect(file.status == 66)
    #expect(file.error.contains("this link leads nowhere"))
    #expect(file.error.contains("--force-download"))
  }

  // MARK: The cache as it is

  @Test(arguments: [[], ["--without-links"]])
  func `a cache that huggingface_hub made is read`(words: [String]) throws {
    let interpreter = try Python.interpreter(with: "huggingface_hub")
    var python = Program(folder: stage.folder.path, executable: interpreter)
    python.environment = ["HOME=\(stage.folder.path)"]
    let filled = try python.run(
      ["-B", Fixtures.repository("Tests/hub/fill_cache.py"), "hub", "org/Base-1B=base"] + words)
    #expect(filled.status == 0, "\(filled.error)")
    let snapshot = filled.output.trimmingCharacters(in: .newlines)

    var stage = stage
    stage.program.environment = ["HF_HUB_CACHE=\(stage.folder.path("hub"))"]
    let before = try stage.folder.tree().filter { $0.hasPrefix("hub/") }
    let made = try stage.run("diff", "org/Base-1B", "result", "-o", "recorded")
    #expect(made.status == 0, "\(made.error)")
    #expect(
      try metadata(of: "recorded")["base_commit"] == snapshot.components(separatedBy: "/").last)
    #expect(try stage.run("verify", "org/Base-1B", "recorded", "--sha256").status == 0)
    #expect(try stage.run("verify", "org/Base-1B@main", "recorded").status == 0)
    #expect(try stage.folder.tree().filter { $0.hasPrefix("hub/") } == before)

    // A damaged download is found where the cache knows what the file should be.
    let file = URL(fileURLWithPath: snapshot + "/model.safetensors").resolvingSymlinksInPath()
    try Data(stage.folder.bytes(of: "result.safetensors")).write(to: file)
    let damaged = try stage.run("verify", "org/Base-1B", "recorded", "--expect=result")
    #expect(damaged.status == 0)
    #expect(damaged.output.contains("model.safetensors is damaged") == words.isEmpty)
  }

  @Test func `a cache without links serves as well`() throws {
    let bytes = try stage.folder.bytes(of: "base.safetensors")
    try cache.add("model.safetensors", bytes, to: "org/copied")
    let outcome = try stage.run("verify", "org/copied", "patch", "--sha256")
    #expect(outcome.status == 0, "\(outcome.error)")
  }

  @Test func `verify compares with the digest by which the cache knows a file`() throws {
    let sound = try stage.run("verify", Self.base, "patch", "--sha256")
    #expect(sound.status == 0)
    #expect(sound.output.hasSuffix("and the files are the publisher's\n"))

    let wrong = String(repeating: "ab", count: 32)
    try add("base", to: "org/damaged", digest: wrong)
    let damage = "org/damaged: model.safetensors is damaged: its SHA-256 is not the one by which"
    let plain = try stage.run("verify", "org/damaged", "patch")
    #expect(plain.status == 0)
    #expect(plain.output.contains(damage))
    #expect(try stage.run("verify", "org/damaged", "patch", "--sha256").status == 1)
    let json = try stage.run("verify", "org/damaged", "patch", "--json").output
    #expect(json.contains(#""damaged_files":["model.safetensors"]"#))
  }

  @Test func `verify takes other files for the same model, unless asked for the publisher's`()
    throws
  {
    var builder = SafetensorsBuilder()
    builder.add(metadata: [("format", "pt")])
    builder.add("up.weight", shape: [2, 4], floats: Stage.base)
    builder.add("norm.weight", shape: [3], floats: [1, 1, 1])
    builder.add("ids", "I64", [2], Array(repeating: 7, count: 16))
    try stage.folder.write(builder.bytes, to: "other.safetensors")
    #expect(try stage.run("verify", "other.safetensors", "patch").status == 0)
    #expect(try stage.run("verify", "other.safetensors", "patch", "--sha256").status == 1)
  }

  @Test(arguments: ["", "blobs/", "snapshots/", "refs/", "new/"])
  func `no folder of a repository takes an output`(folder: String) throws {
    try cache.folder.write("x", to: "models--org--Base-1B/new/x")
    let before = try cache.folder.tree()
    let output = cache.folder.path("models--org--Base-1B/\(folder)out")
    #expect(try stage.run("apply", Self.base, "org/patch", "-o", output).status == 73)
    #expect(try cache.folder.tree() == before)
  }

  @Test func `nothing is written into the cache`() throws {
    let before = try cache.folder.tree()
    let snapshot = cache.folder.path(cache.snapshot(of: Self.base))
    for output in ["new", "config.json", "model.safetensors"] {
      let outcome = try stage.run(
        "apply", "base.safetensors", "patch", "--force", "-o", snapshot + "/" + output)
      #expect(outcome.status == 73)
      #expect(outcome.error.contains("which is only read"))
    }
    // The snapshot itself, the blobs, and what is written in place through links from elsewhere.
    let folder = try stage.run("apply", "base", "patch", "--force", "-o", snapshot)
    #expect(folder.status == 73)
    #expect(folder.error.contains("which is only read"))
    let blobs = cache.folder.path("models--org--Base-1B/blobs")
    let blob = blobs + "/" + (try stage.sha256(of: "base/model.safetensors"))
    #expect(try stage.run("diff", "base", "result", "-o", blobs + "/patch").status == 73)
    try stage.folder.write("{}", to: "linked/config.json")
    try FileManager.default.createSymbolicLink(
      atPath: stage.folder.path("linked/model.safetensors"), withDestinationPath: blob)
    for model in [Self.base, snapshot + "/model.safetensors", blob, "linked"] {
      let outcome = try stage.run("apply", model, "patch", "--in-place")
      #expect(outcome.status == 64)
      #expect(outcome.error.contains("this lies in the Hub's cache"), "\(outcome.error)")
    }
    #expect(try stage.folder.bytes(at: blob) == stage.folder.bytes(of: "base.safetensors"))
    #expect(
      try stage.run("diff", Self.base, "org/Result-1B", "-o", snapshot + "/patch").status == 73)
    #expect(try cache.folder.tree() == before)
  }
}
