import Foundation
import TestSupport
import Testing

/// Shares that are killed in the middle and run again.
@Suite(.serialized) struct ShareKillTests {
  private let scene: KillScene
  private var folder: TemporaryDirectory { scene.folder }

  init() throws { scene = try KillScene("shards", seed: 4) }

  @Test(arguments: [SIGKILL, SIGTERM])
  func `pieces whose runs were killed and repeated make the same patch`(signal: Int32) throws {
    for index in 1...3 {
      try killAndRepeat(
        ["diff", "base", "result", "-o", "p", "-f", "--share", "\(index)/3"], signal)
    }
    #expect(try scene.program.run("diff", "base", "result", "-o", "one").status == 0)
    let joined = try scene.program.run(["join", "-o", "p"] + (1...3).map { "p.piece-\($0)-of-3" })
    #expect(joined.status == 0, "\(joined.error)")
    #expect(try folder.bytes(of: "p") == folder.bytes(of: "one"))
  }

  @Test(arguments: [SIGKILL, SIGTERM])
  func `a model whose shares were killed and repeated is the same`(signal: Int32) throws {
    let command = ["apply", "base", "patch", "-o", "out"]
    for index in 1...3 { try killAndRepeat(command + ["--share", "\(index)/3"], signal) }
    // Until then there is nothing of that name, whenever it is killed.
    for delay in [0, 500, 2000] as [UInt32] {
      let running = try scene.program.start(command + ["--finish"])
      usleep(delay)
      running.send(SIGTERM)
      guard running.wait().status != 0 else { break }
      #expect(!FileManager.default.fileExists(atPath: folder.path("out")))
    }
    if !FileManager.default.fileExists(atPath: folder.path("out")) {
      let finished = try scene.program.run(command + ["--finish"])
      #expect(finished.status == 0, "\(finished.error)")
    }
    for name in scene.files {
      #expect(try folder.bytes(of: "out/\(name)") == folder.bytes(of: "result/\(name)"))
    }
    #expect(try signal == SIGKILL || !folder.names().contains("out.shares"))
  }

  /// Runs a command, kills it at some moments, and runs it to its end.
  private func killAndRepeat(_ command: [String], _ signal: Int32) throws {
    for delay in [500, 4000, 12_000, 30_000] as [UInt32] {
      let running = try scene.program.start(command + ["--threads", "1"])
      usleep(delay)
      running.send(signal)
      let outcome = running.wait()
      #expect(outcome.status == 0 || outcome.signal == signal)
      let leavesNothing =
        try signal == SIGKILL || !folder.tree().contains { $0.hasSuffix(".partial") }
      #expect(leavesNothing, "what is temporary goes")
    }
    let outcome = try scene.program.run(command)
    #expect(outcome.status == 0, "\(outcome.error)")
  }
}
