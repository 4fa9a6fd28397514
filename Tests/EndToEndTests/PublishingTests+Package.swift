import Foundation
import TestSupport
import Testing

/// The package.
extension PublishingTests {
  func package(_ output: String, _ words: String...) throws -> Program.Outcome {
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
