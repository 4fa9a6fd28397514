import Foundation
import TestSupport
import Testing

/// Where outputs go, what they replace, and what they never touch.
@Suite struct OutputTests {
  let stage: Stage

  init() throws { stage = try Stage() }

  @Test(arguments: [
    ["create", "base", "gradiend", "--feature-factor=1", "--learning-rate=1"],
    ["diff", "base", "result"], ["apply", "base.safetensors", "patch"],
    ["strip", "result.safetensors", "patch"],
  ])
  func `nothing is overwritten without --force`(words: [String]) throws {
    try stage.folder.write("precious", to: "out")
    let before = try stage.folder.tree()
    let outcome = try stage.program.run(words + ["-o", "out"])
    #expect(outcome.status == 73)
    #expect(outcome.output.isEmpty)
    #expect(
      outcome.error == """
        gradiend-patch: out: there is already something of this name
        use --force to replace it

        """)
    #expect(try stage.folder.bytes(of: "out") == Array("precious".utf8))
    #expect(try stage.folder.tree() == before)

    #expect(try stage.program.run(words + ["-o", "out", "--force"]).status == 0)
    #expect(try stage.folder.bytes(of: "out") != Array("precious".utf8))
    #expect(try stage.folder.tree() == before)
  }

  @Test func `a dangling link is something, too`() throws {
    try link("nowhere", "out")
    #expect(try stage.run("diff", "base", "result", "-o", "out").status == 73)
    #expect(try stage.run("diff", "base", "result", "-o", "out", "-f").status == 0)
    #expect(try !stage.folder.names().contains("nowhere"))
  }

  @Test func `a folder is replaced by a folder, and by nothing else`() throws {
    try stage.folder.write("old", to: "out/model.safetensors")
    #expect(try stage.run("apply", "base", "patch", "-o", "out").status == 73)
    let file = try stage.run("apply", "base.safetensors", "patch", "-o", "out", "--force")
    #expect(file.status == 73)
    #expect(file.error.contains("there is a folder of this name, but the output is a file"))
    #expect(try stage.run("apply", "base", "patch", "-o", "out", "--force").status == 0)
    let names = try stage.folder.tree().filter { $0.hasPrefix("out/") }
    #expect(names == ["out/config.json", "out/model.safetensors", "out/tokenizer.json"])
    let folder = try stage.run("apply", "base", "patch", "-o", "patch", "--force")
    #expect(folder.status == 73)
  }

  @Test func `an output in a folder that is not there is exit 73`() throws {
    let outcome = try stage.run("apply", "base.safetensors", "patch", "-o", "none/out")
    #expect(outcome.status == 73)
    #expect(outcome.error == "gradiend-patch: none/out: open: No such file or directory\n")
    #expect(try stage.run("apply", "base", "patch", "-o", "none/out").status == 73)
    #expect(try stage.run("diff", "base", "result", "-o", "patch/out").status == 73)
  }

  @Test func `what to do where the output exists is told to programs, too`() throws {
    try stage.folder.write("precious", to: "out")
    let outcome = try stage.run("diff", "base", "result", "-o", "out", "--json")
    #expect(outcome.status == 73)
    #expect(outcome.output.contains(#""remedy":"use --force to replace it""#), "\(outcome.output)")
  }

  static let writers = [
    ["create", "base", "gradiend", "--feature-factor=1", "--learning-rate=1", "-o"],
    ["diff", "base", "result", "-o"], ["apply", "base", "patch", "-o"],
    ["apply", "base.safetensors", "patch", "-o"], ["strip", "result.safetensors", "patch", "-o"],
    ["apply", "base.safetensors", "patch", "-o", "new", "--undo"],
    ["inspect", "patch", "--svg"], ["inspect", "patch", "--html"],
    ["card", "patch", "--base=org/base", "-o"], ["package", "patch", "--base=org/base", "-o"],
  ]

  @Test(arguments: writers)
  func `devices, pipes and the streams of the process are no outputs`(words: [String]) throws {
    #expect(mkfifo(stage.folder.path("pipe"), 0o666) == 0)
    try link("/dev/null", "null")
    try link("/proc/self/fd/1", "stdout")
    let before = try stage.folder.tree()
    for output in ["pipe", "null", "stdout"] {
      let outcome = try stage.program.run(words + [output, "--force"])
      #expect(outcome.status == 73, "\(words) \(output): \(outcome)")
      #expect(try stage.folder.tree() == before)
    }
    for name in ["null", "stdout"] {
      let path = stage.folder.path(name)
      #expect(throws: Never.self) {
        try FileManager.default.destinationOfSymbolicLink(atPath: path)
      }
    }
  }

  @Test func `a patch in a model's folder is no weight of the model`() throws {
    try stage.folder.write(stage.folder.bytes(of: "base.safetensors"), to: "m/other.safetensors")
    let program = Program(folder: stage.folder.path("m"))
    #expect(try program.run("diff", ".", "../result").status == 0)
    #expect(try program.run("verify", ".", "gradiend_patch.safetensors").status == 0)
    #expect(try program.run("apply", ".", "gradiend_patch.safetensors", "-o", "../o").status == 0)
    #expect(try stage.folder.tree().filter { $0.hasPrefix("o/") } == ["o/other.safetensors"])
    #expect(try program.run("inspect", ".").output.contains("3 tensors"))
  }

  // MARK: Inputs

  @Test(arguments: ["base.safetensors", "./base.safetensors", "hard", "soft", "patch"])
  func `an input is no output, under whatever name`(output: String) throws {
    try FileManager.default.linkItem(
      atPath: stage.folder.path("base.safetensors"), toPath: stage.folder.path("hard"))
    try link("base.safetensors", "soft")
    let before = try contents()
    let outcome = try stage.run("apply", "base.safetensors", "patch", "-o", output, "--force")
    #expect(outcome.status == 73)
    #expect(
      outcome.error == """
        gradiend-patch: \(output): the output is one of the inputs
        choose another name for the output

        """)
    #expect(try contents() == before)
  }

  @Test func `a hub cache is read through its links and never written`() throws {
    let model = try stage.folder.bytes(of: "base.safetensors")
    try stage.folder.write(model, to: "hub/blobs/a1")
    try stage.folder.write("{}", to: "hub/blobs/b2")
    try stage.folder.write("weights", to: "hub/blobs/c3")
    try FileManager.default.createDirectory(
      atPath: stage.folder.path("hub/snapshots/main"), withIntermediateDirectories: true)
    try link("../../blobs/a1", "hub/snapshots/main/model.safetensors")
    try link("../../blobs/b2", "hub/snapshots/main/config.json")
    try link("../../blobs/c3", "hub/snapshots/main/pytorch_model.bin")
    try link("../../blobs", "hub/snapshots/main/loop")
    let before = try contents()

    let outcome = try stage.run("apply", "hub/snapshots/main", "patch", "-o", "out")
    #expect(outcome.status == 0, "\(outcome.error)")
    let made = try stage.folder.tree().filter { $0.hasPrefix("out/") }
    #expect(made == ["out/config.json", "out/model.safetensors"])
    for name in made {
      let attributes = try FileManager.default.attributesOfItem(atPath: stage.folder.path(name))
      #expect(attributes[.type] as? FileAttributeType == .typeRegular)
    }
    #expect(
      try stage.folder.bytes(of: "out/model.safetensors")
        == stage.folder.bytes(of: "result.safetensors"))
    #expect(try contents().filter { !$0.key.hasPrefix("out") } == before)

    for output in ["hub/blobs/a1", "hub/snapshots/main/model.safetensors"] {
      let over = try stage.run(
        "apply", "hub/snapshots/main/model.safetensors", "patch", "-o", output, "--force")
      #expect(over.status == 73)
    }
    #expect(try stage.run("apply", "hub/snapshots/main", "patch", "-o", "hub", "-f").status == 73)
    #expect(try contents().filter { !$0.key.hasPrefix("out") } == before)
  }

  @Test func `a link in place of the output is replaced, not written through`() throws {
    try stage.folder.write("precious", to: "target")
    try link("target", "out")
    #expect(try stage.run("diff", "base", "result", "-o", "out", "--force").status == 0)
    #expect(try stage.folder.bytes(of: "target") == Array("precious".utf8))
  }

  // MARK: Parts

  private func link(_ target: String, _ name: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: stage.folder.path(name), withDestinationPath: target)
  }

  /// The files of the stage and their bytes.
  private func contents() throws -> [String: [UInt8]] {
    var contents: [String: [UInt8]] = [:]
    for name in try stage.folder.tree() { contents[name] = try? stage.folder.bytes(of: name) }
    return contents
  }

  @Test func `several commands that replace one split set leave a whole one`() throws {
    let pair = try #require(try ReferenceGGUF.pairs().first { $0.base.count == 3 })
    let names = (1...3).map { "x-0000\($0)-of-00003.gguf" }
    let new = try pair.result.map { try stage.folder.bytes(at: $0) }
    try #require(
      try stage.run("diff", pair.base[0], pair.result[0], "-o", "set.patch").status == 0)
    for _ in 0..<20 {
      for (name, path) in zip(names, pair.base) {
        try stage.folder.write(stage.folder.bytes(at: path), to: name)
      }
      let running = try (0..<4).map { _ in
        try stage.program.start(["apply", pair.base[0], "set.patch", "-o", names[0], "--force"])
      }
      for process in running { #expect(process.wait().status == 0) }
      #expect(try names.map { try stage.folder.bytes(of: $0) } == new)
    }
  }
}
