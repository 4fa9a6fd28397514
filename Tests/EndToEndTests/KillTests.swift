import Foundation
import TestSupport
import Testing

/// Changes in place that are killed while their disk fills up. `make faults` kills many more than the
/// suite does.
@Suite(.serialized) struct KillTests {
  private static let environment = ProcessInfo.processInfo.environment
  static let killCount = environment["GRADIEND_PATCH_KILLS"].flatMap(Int.init) ?? 3
  static let seed =
    environment["GRADIEND_PATCH_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 0...999_999)

  @Test(
    arguments: KillScene.kinds, [["apply", "base", "result"], ["strip", "result", "base"]])
  func `killed at any moment, a change is finished by the same command, or rolled back`(
    kind: String, words: [String]
  ) throws {
    let scene = try KillScene(kind, seed: Self.seed)
    let disk = try SmallDisk(in: scene.folder, named: "disk", megabytes: 8)
    defer { disk.unmount() }
    let (from, to) = (words[1], words[2])
    let command = [words[0], scene.checkpoint, "patch", "--in-place", "--threads", "1"]
    let duration = try longestRun(of: command, in: scene, on: from)
    var generator = SeededGenerator(seed: Self.seed)
    var (kills, halfChanged, full) = (0, 0, 0)
    while kills < Self.killCount {
      let moment: Comment = "\(kind), seed \(Self.seed), kill \(kills)"
      try scene.copy(from)
      // A few are killed once more as they go on, forth or back.
      for _ in 0..<(Int.random(in: 0..<4, using: &generator) == 0 ? 2 : 1) {
        let running = try scene.program.start(command + (kills % 5 == 4 ? ["--rollback"] : []))
        // Most of a run is reading: half of the kills wait for what comes after it.
        let isLate = Bool.random(using: &generator)
        while isLate, running.isRunning, !scene.hasJournal { usleep(100) }
        let time = UInt32.random(in: 0...(isLate ? duration / 4 : duration), using: &generator)
        let fillingTime = UInt32.random(in: 0...time, using: &generator)
        usleep(fillingTime)
        if Bool.random(using: &generator) { try disk.fill() }
        usleep(time - fillingTime)
        running.send(SIGKILL)
        if running.wait().signal == SIGKILL { kills += 1 }
        if Bool.random(using: &generator) { disk.free() }
      }
      if scene.hasJournal { halfChanged += 1 }
      let isWhole = try scene.isSame(as: from) || scene.isSame(as: to)
      #expect(isWhole || scene.hasJournal, moment)
      // Where there is no room, nothing gets worse.
      if try disk.isFull && scene.program.run(command).status == 74 { full += 1 }
      disk.free()
      let isDone = try scene.isSame(as: to)
      let rollsBack = !isDone && Bool.random(using: &generator)
      let outcome = try scene.program.run(command + (rollsBack ? ["--rollback"] : []))
      #expect(outcome.status == 0, "\(moment): \(outcome.error)")
      let isRight = try scene.isSame(as: rollsBack ? from : to) && scene.isClean()
      #expect(isRight, moment)
    }
    if Self.killCount > 3 {
      print(
        "\(kind), \(words[0]), seed \(Self.seed): \(kills) kills, \(halfChanged) of them left a "
          + "journal, \(full) then found the disk full")
      fflush(nil)
    }
  }

  /// Microseconds that a whole run takes.
  private func longestRun(
    of command: [String], in scene: KillScene, on source: String
  ) throws -> UInt32 {
    var longest: Duration = .zero
    for _ in 0..<3 {
      try scene.copy(source)
      let start = ContinuousClock.now
      let outcome = try scene.program.run(command)
      try #require(outcome.status == 0, "\(outcome.error)")
      longest = max(longest, ContinuousClock.now - start)
    }
    return UInt32(longest / .microseconds(1))
  }
}
