import Foundation
import TestSupport
import Testing

/// `--in-place` as people and programs meet it.
@Suite struct InPlaceTests {
  let stage: Stage

  init() throws { stage = try Stage() }

  @Test func `a file and a folder are patched where they are, and stripped again`() throws {
    for (name, file) in [
      ("base", "base/model.safetensors"), ("base.safetensors", "base.safetensors"),
    ] {
      let before = try (stage.folder.tree(), stage.folder.bytes(of: file))
      let applied = try stage.run("apply", name, "patch", "--in-place")
      #expect(applied.status == 0 && applied.error.isEmpty, "\(applied.error)")
      #expect(
        applied.output == """
          \(name): the result, all 3 tensors as published; 7 elements differ from the input in \
          1 tensors

          """)
      #expect(
        try stage.folder.bytes(of: file) == stage.folder.bytes(of: "result.safetensors"))
      let again = try stage.run("apply", name, "patch", "--in-place")
      #expect(again.status == 0 && again.error == "note: it was the result already\n")
      #expect(try stage.run("strip", name, "patch", "--in-place", "--sha256").status == 0)
      #expect(try stage.folder.bytes(of: file) == before.1 && stage.folder.tree() == before.0)
    }
  }

  @Test func `a link is exit 73, and nothing changes`() throws {
    try FileManager.default.createSymbolicLink(
      atPath: stage.folder.path("link"), withDestinationPath: "base.safetensors")
    let outcome = try stage.run("apply", "link", "patch", "--in-place")
    #expect(outcome.status == 73)
    #expect(outcome.error.hasPrefix("gradiend-patch: link: this is a symbolic link"))
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGKILL])
  func `what a signal leaves is named by every command until it is finished`(signal: Int32) throws {
    let large = try LargeModel(in: stage.folder)
    #expect(try stage.run("diff", "large", "other", "-o", "large.patch").status == 0)
    let running = try stage.program.start(
      ["apply", "large", "large.patch", "--in-place"], errorPath: stage.folder.path("stderr"))
    let journal = stage.folder.path(".large.gradiend-patch-journal")
    while running.isRunning, !FileManager.default.fileExists(atPath: journal) { usleep(100) }
    running.send(signal)
    #expect(running.wait().signal == signal, "it was too fast")
    #expect(FileManager.default.fileExists(atPath: journal))
    let told = String(decoding: try stage.folder.bytes(of: "stderr"), as: UTF8.self)
    let expected = """
      gradiend-patch: large: apply in place was interrupted here, so some tensors may be the \
      base's and others the result's
      run the same command again to finish it, or with --rollback to undo it; if the files were \
      replaced since, remove ./.large.gradiend-patch-journal

      """
    #expect(told == (signal == SIGKILL ? "" : expected))
    for words in [
      ["verify", "large", "large.patch"], ["inspect", "large"],
      ["apply", "large", "large.patch", "-o", "out"],
      ["strip", "large", "large.patch", "--in-place"],
    ] {
      let outcome = try stage.program.run(words)
      #expect(outcome.status == 65, "\(words)")
      #expect(outcome.error.contains("apply in place was interrupted here"), "\(words)")
      #expect(outcome.error.contains("or with --rollback to undo it"), "\(words)")
    }
    let report = try stage.run("verify", "large", "large.patch", "--json").output
    #expect(report.contains(#""kind":"unfinished""#))
    let back = try stage.run("apply", "large", "large.patch", "--in-place", "--rollback")
    #expect(back.status == 0, "\(back.error)")
    #expect(back.error == "note: rolled back what an interrupted apply had begun\n")
    #expect(try stage.folder.bytes(of: "large") == large.bytes)
    #expect(!FileManager.default.fileExists(atPath: journal))
  }

  @Test func `a model is not read while it is changed, nor changed while it is read`() throws {
    _ = try LargeModel(in: stage.folder)
    #expect(try stage.run("diff", "large", "other", "-o", "large.patch").status == 0)
    var (changes, patches) = (0, 0)
    // On a busy machine, one of the two may always come first for a while.
    for round in 0..<60 where round < 12 || changes == 0 || patches == 0 {
      try stage.folder.write(
        stage.folder.bytes(of: round % 2 == 0 ? "large" : "other"), to: "model")
      let reading = ["diff", "model", "other", "-o", "out\(round)"]
      let changing = ["apply", "model", "large.patch", "--in-place", "--threads", "1"]
      // Either may be there first.
      let isChangeFirst = round % 3 == 0
      let first = try stage.program.start(isChangeFirst ? changing : reading)
      usleep(UInt32(round) * 4_000)
      let second = try stage.program.run(isChangeFirst ? reading : changing).status
      let statuses = (try #require(first.wait().status), try #require(second))
      let (read, changed) = isChangeFirst ? (statuses.1, statuses.0) : statuses
      #expect([0, 66].contains(changed))
      #expect([0, 65].contains(read))
      if changed == 0 { changes += 1 }
      guard read == 0 else { continue }
      patches += 1
      // It is for one of the two, not for a mixture of both.
      let bases = try ["large", "other"].map {
        try stage.run("verify", $0, "out\(round)").output.contains(": the base")
      }
      #expect(bases.contains(true))
    }
    #expect(changes > 0 && patches > 0)
  }

  @Test func `a folder whose name is not UTF-8 is no obstacle, and its journal is found`() throws {
    let large = try LargeModel(in: stage.folder)
    #expect(try stage.run("diff", "large", "other", "-o", "large.patch").status == 0)
    let shell = Program(folder: stage.folder.path, executable: "/bin/bash")
    func run(_ script: String) throws -> Program.Outcome {
      try shell.run("-c", "G=\(Program.path); D=$'caf\\xe9'; mkdir -p $D; cd $D; " + script)
    }
    let left = try run(
      """
      cp ../large model; ln -s model link
      $G apply model ../large.patch --in-place & P=$!
      until [ -e .model.gradiend-patch-journal ] || ! kill -0 $P; do :; done
      kill -9 $P; wait $P; ls -A
      """)
    #expect(left.output.contains(".model.gradiend-patch-journal\n"), "\(left)")
    for name in ["model", "link"] {
      #expect(try run("$G verify \(name) ../large.patch").status == 65)
      #expect(try run("$G diff \(name) ../other -o out").status == 65)
    }
    #expect(try run("$G apply model ../large.patch --in-place").status == 0)
    #expect(try run("cmp model ../other && ls -A").output == "link\nmodel\n")
    #expect(try run("$G strip model ../large.patch --in-place").status == 0)
    #expect(try run("cp model ..").status == 0 && stage.folder.bytes(of: "model") == large.bytes)
  }

  @Test(.enabled(if: geteuid() == 0, "only root can be another user"))
  func `a journal of another user is an unfinished change`() throws {
    try stage.folder.write("secret", to: ".base.safetensors.gradiend-patch-journal")
    let script = """
      chmod 755 . && chmod 600 .base.safetensors.gradiend-patch-journal && cp \(Program.path) . &&
      exec setpriv --reuid 65534 --regid 65534 --clear-groups ./gradiend-patch "$@"
      """
    let shell = Program(folder: stage.folder.path, executable: "/bin/sh")
    for words in [
      ["verify", "base.safetensors", "patch"], ["inspect", "base.safetensors"],
      ["diff", "base.safetensors", "result.safetensors", "-o", "out"],
    ] {
      let outcome = try shell.run(["-c", script, "sh"] + words)
      #expect(outcome.status == 65)
      #expect(
        outcome.error.contains("but its journal cannot be read: Permission denied"), "\(outcome)")
    }
  }

  // MARK: Disks

  @Test
  func `a checkpoint larger than the free disk is patched, one without room for the journal not`()
    throws
  {
    let disk = try SmallDisk(in: stage.folder, named: "disk")
    defer { disk.unmount() }
    var generator = SeededGenerator(seed: 1)
    var (base, result) = (SafetensorsBuilder(), SafetensorsBuilder())
    for part in 0..<24 {
      var bytes = (0..<30_000).map { _ in UInt8.random(in: 0...255, using: &generator) }
      base.add("part\(part)", "U8", [30_000], bytes)
      bytes[part] ^= 1
      result.add("part\(part)", "U8", [30_000], bytes)
    }
    try stage.folder.write(base.bytes, to: "disk/model")
    try stage.folder.write(result.bytes, to: "big.result")
    #expect(try stage.run("diff", "disk/model", "big.result", "-o", "big.patch").status == 0)
    let applied = try stage.run("apply", "disk/model", "big.patch", "--in-place")
    #expect(applied.status == 0, "\(applied.error)")
    #expect(try stage.folder.bytes(of: "disk/model") == result.bytes)

    try stage.folder.write([UInt8](repeating: 0, count: 260_000), to: "disk/filler")
    let full = try stage.run("strip", "disk/model", "big.patch", "--in-place")
    #expect(full.status == 74)
    #expect(full.error.contains("disk/.model.gradiend-patch-journal: fallocate: No space left"))
    #expect(full.error.contains("nothing was changed"))
    #expect(try stage.folder.bytes(of: "disk/model") == result.bytes)
    #expect(
      try stage.folder.tree().filter { $0.hasPrefix("disk/") } == ["disk/filler", "disk/model"])
  }

  @Test func `a disk that may only be read is exit 73`() throws {
    let disk = try SmallDisk(in: stage.folder, named: "disk")
    defer { disk.unmount() }
    try stage.folder.write(stage.folder.bytes(of: "base.safetensors"), to: "disk/model")
    try disk.forbidWriting()
    for words in [["--in-place"], ["-o", "disk/out"]] {
      let outcome = try stage.program.run(["apply", "disk/model", "patch"] + words)
      #expect(outcome.status == 73)
      #expect(outcome.error.contains("open: Read-only file system"))
    }
    #expect(try stage.run("apply", "disk/model", "patch", "-o", "out").status == 0)
  }

  @Test func `an output on another disk is like any other`() throws {
    let disk = try SmallDisk(in: stage.folder, named: "disk")
    defer { disk.unmount() }
    #expect(try stage.run("apply", "base", "patch", "-o", "disk/out").status == 0)
    #expect(
      try stage.folder.bytes(of: "disk/out/model.safetensors")
        == stage.folder.bytes(of: "result.safetensors"))
  }
}

/// Two checkpoints, `large` and `other`, of some megabytes.
struct LargeModel {
  let bytes: [UInt8]

  init(in folder: TemporaryDirectory) throws {
    var generator = SeededGenerator(seed: 2)
    var (base, result) = (SafetensorsBuilder(), SafetensorsBuilder())
    for part in 0..<32 {
      let words = (0..<65_536).map { _ in generator.next() as UInt64 }
      base.add("part\(part)", "U64", [65_536], SafetensorsBuilder.littleEndian(words))
      result.add(
        "part\(part)", "U64", [65_536], SafetensorsBuilder.littleEndian(words.map { $0 ^ 1 }))
    }
    bytes = base.bytes
    try folder.write(base.bytes, to: "large")
    try folder.write(result.bytes, to: "other")
  }
}
