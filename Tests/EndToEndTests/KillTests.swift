import Foundation
import TestSupport
import Testing

/// Changes in place that are killed. `make faults` kills many more than the suite does.
@Suite struct KillTests {
  static let killCount =
    ProcessInfo.processInfo.environment["GRADIEND_PATCH_KILLS"].flatMap(Int.init) ?? 12

  let folder: TemporaryDirectory
  let program: Program

  init() throws {
    folder = try TemporaryDirectory()
    program = Program(folder: folder.path)
    var generator = SeededGenerator(seed: 1)
    var (base, result) = (SafetensorsBuilder(), SafetensorsBuilder())
    for tensor in 0..<32 {
      let values = (0..<64 * 256).map { _ in UInt16.random(in: 0x3C00...0x3F80, using: &generator) }
      let changed = values.map {
        $0 + (Int.random(in: 0..<20, using: &generator) == 0 ? 1 as UInt16 : 0)
      }
      base.add("t\(tensor)", "BF16", [64, 256], SafetensorsBuilder.littleEndian(values))
      result.add("t\(tensor)", "BF16", [64, 256], SafetensorsBuilder.littleEndian(changed))
    }
    try folder.write(base.bytes, to: "base")
    try folder.write(result.bytes, to: "result")
    try #require(try program.run("diff", "base", "result", "-o", "patch").status == 0)
  }

  @Test(arguments: [["apply", "base", "result"], ["strip", "result", "base"]])
  func `killed at any moment, a change is finished by the same command, or rolled back`(
    words: [String]
  ) throws {
    let (from, to) = (words[1], words[2])
    let command = [words[0], "model", "patch", "--in-place", "--threads", "1"]
    let duration = try longestRun(of: command, on: from)
    var generator = SystemRandomNumberGenerator()
    var (kills, halfChanged) = (0, 0)
    while kills < Self.killCount {
      try copy(from)
      // A few are killed once more as they go on, forth or back.
      for _ in 0..<(Int.random(in: 0..<4) == 0 ? 2 : 1) {
        let running = try program.start(command + (kills % 5 == 4 ? ["--rollback"] : []))
        usleep(UInt32.random(in: 0...duration, using: &generator))
        running.send(SIGKILL)
        if running.wait().signal == SIGKILL { kills += 1 }
      }
      if try folder.names().contains(".model.gradiend-patch-journal") { halfChanged += 1 }
      let isDone = try folder.bytes(of: "model") == folder.bytes(of: to)
      let rollsBack = !isDone && Bool.random()
      let outcome = try program.run(command + (rollsBack ? ["--rollback"] : []))
      #expect(outcome.status == 0, "\(outcome.error)")
      let isRight = try folder.bytes(of: "model") == folder.bytes(of: rollsBack ? from : to)
      #expect(isRight)
      #expect(try folder.names() == ["base", "model", "patch", "result"])
    }
    if Self.killCount > 12 {
      print("\(words[0]): \(kills) kills, \(halfChanged) of them left a journal; nothing lost")
    }
  }

  private func copy(_ name: String) throws {
    try folder.write(folder.bytes(of: name), to: "model")
  }

  /// Microseconds that a whole run takes.
  private func longestRun(of command: [String], on name: String) throws -> UInt32 {
    var longest: Duration = .zero
    for _ in 0..<3 {
      try copy(name)
      let start = ContinuousClock.now
      #expect(try program.run(command).status == 0)
      longest = max(longest, ContinuousClock.now - start)
    }
    return UInt32(longest / .microseconds(1))
  }
}
