import Foundation
import TestSupport
import Testing

/// Inputs that vanish, shrink or do not fit into memory.
@Suite struct LostInputTests {
  let stage: Stage

  init() throws {
    stage = try Stage()
    let large = try LargeModel(in: stage.folder)
    try stage.folder.write(large.bytes, to: "folder/model.safetensors")
    #expect(try stage.run("diff", "large", "other", "-o", "large.patch").status == 0)
  }

  /// Starts a command and stops it once it has begun to write.
  private func stopped(_ words: [String]) throws -> RunningProgram {
    let before = Set(try stage.folder.names())
    let running = try stage.program.start(
      words, outputPath: stage.folder.path("stdout"), errorPath: stage.folder.path("stderr"))
    let streams: Set = ["stdout", "stderr"]
    while running.isRunning, Set(try stage.folder.names()).subtracting(streams) == before {
      usleep(100)
    }
    running.send(SIGSTOP)
    return running
  }

  private func text(_ name: String) throws -> String {
    String(decoding: try stage.folder.bytes(of: name), as: UTF8.self)
  }

  @Test(arguments: [
    ["apply", "large", "large.patch", "-o", "out", "--json"],
    ["apply", "large", "large.patch", "-o", "out", "--json", "--threads", "4"],
    ["diff", "large", "other", "-o", "out", "--json"],
  ])
  func `an input that becomes shorter while it is mapped is exit 74, not SIGBUS`(words: [String])
    throws
  {
    let running = try stopped(words)
    truncate(stage.folder.path("large"), 4_096)
    running.send(SIGCONT)
    let outcome = running.wait()
    #expect(outcome.status == 74 && outcome.signal == nil, "\(outcome)")
    #expect(
      try text("stderr") == """
        gradiend-patch: large: the file became shorter, or unreadable, while it was read
        leave inputs alone while they are read, and check the disk

        """)
    #expect(try text("stdout").hasPrefix(#"{"error":{"kind":"inputOutput","path":"large""#))
    #expect(try stage.folder.names().allSatisfy { !$0.hasSuffix(".partial") && $0 != "out" })
  }

  @Test func `a patch that becomes shorter while it changes a model leaves a way back`() throws {
    let patch = try stage.folder.bytes(of: "large.patch")
    let running = try stopped(["apply", "large", "large.patch", "--in-place"])
    truncate(stage.folder.path("large.patch"), 4_096)
    running.send(SIGCONT)
    #expect(running.wait().status == 74)
    let told = try text("stderr")
    #expect(told.contains("large.patch: the file became shorter, or unreadable, while it was read"))
    #expect(told.contains("; apply in place was interrupted here"))
    #expect(told.contains("\nrun the same command again to finish it, or with --rollback"))
    try stage.folder.write(patch, to: "large.patch")
    #expect(try stage.run("apply", "large", "large.patch", "--in-place").status == 0)
    #expect(try stage.folder.bytes(of: "large") == stage.folder.bytes(of: "other"))
  }

  @Test func `an input that loses its name while it is mapped is read to its end`() throws {
    let running = try stopped(["apply", "large", "large.patch", "-o", "out"])
    try stage.folder.remove("large")
    running.send(SIGCONT)
    #expect(running.wait().status == 0)
    #expect(try stage.folder.bytes(of: "out") == stage.folder.bytes(of: "other"))
  }

  @Test func `inputs that are gone are named`() throws {
    for words in [["apply", "gone", "patch"], ["apply", "base", "gone"]] {
      for more in [["-o", "out"], ["--in-place"]] {
        let outcome = try stage.program.run(words + more)
        #expect(outcome.status == 66)
        #expect(outcome.error == "gradiend-patch: gone: No such file or directory\n")
      }
    }
  }

  @Test(.disabled(if: Sanitizer.isActive, "sanitizers take address space without end"))
  func `memory that is too small is told, with the file that does not fit`() throws {
    let byteCount = 8 << 30
    let header = #"{"big":{"dtype":"U8","shape":[\#(byteCount)],"data_offsets":[0,\#(byteCount)]}}"#
    let start = SafetensorsBuilder.file(header: header)
    try stage.folder.write(start, to: "huge")
    truncate(stage.folder.path("huge"), start.count + byteCount)
    for more in ["-o out", "--in-place"] {
      let outcome = try Program(folder: stage.folder.path, executable: "/bin/sh")
        .run("-c", "ulimit -v 4000000; exec \(Program.path) apply huge patch \(more)")
      #expect(outcome.status == 66)
      #expect(outcome.error == "gradiend-patch: huge: Cannot allocate memory\n")
    }
  }
}
