import PatchTestSupport
import ByteIO
import DeltaCoding
import Foundation
import GradiendPatch
import TestSupport
import Testing

/// Changes in place that are stopped by the power or by errors, at every call to the disk.
@Suite struct InPlaceFaultTests {
  /// A checkpoint, its result and the patch between them, and copies that are changed.
  struct Scene {
    let bench: Workbench
    /// Of the checkpoint, relative to its folder.
    let files: [String]
    /// What a user names in that folder; empty for the folder itself.
    let name: String
    private var generator: SeededGenerator

    static let kinds = ["file", "shards", "GGUF set with a tied head"]

    init(_ kind: String, seed: UInt64) throws {
      bench = try Workbench()
      generator = SeededGenerator(seed: seed)
      let base = RandomModel(seed: 5)
      let result = base.widelyChanged(from: 6)
      switch kind {
      case "file":
        (files, name) = (["model.safetensors"], "model.safetensors")
        for (model, folder) in [(base, "base"), (result, "result")] {
          try bench.write(model, to: folder + "/model.safetensors")
        }
        try bench.diff("base/\(name)", "result/\(name)", to: "patch")
      case "shards":
        (files, name) = (base.shards(3).map(\.name), "")
        try bench.writeFolder(base, to: "base", shards: 3)
        try bench.writeFolder(result, to: "result", shards: 3)
        try bench.diff("base", "result", to: "patch")
      default:
        let pair = TiedGGUF()
        (files, name) = (pair.names, pair.names[0])
        try pair.write(to: bench.folder)
        try bench.diff("base.hf", "result.hf", to: "patch")
      }
    }

    /// Makes `work` a copy of the base or of the result.
    func prepare(_ source: String) throws {
      try? bench.folder.remove("work")
      try FileManager.default.copyItem(
        atPath: bench.path(source), toPath: bench.path("work"))
    }

    func isSame(as source: String) throws -> Bool {
      try files.allSatisfy { try bench.bytes("work/\($0)") == bench.bytes("\(source)/\($0)") }
    }

    /// Whether nothing but the checkpoint is there.
    func isClean(like source: String) throws -> Bool {
      try bench.folder.tree().filter { $0.hasPrefix("work/") }.map { $0.dropFirst(5) }
        == bench.folder.tree().filter { $0.hasPrefix(source + "/") }
        .map { $0.dropFirst(source.count + 1) }
    }

    func run(
      _ direction: Direction, _ disk: FaultyDisk, rollsBack: Bool = false
    ) throws(PatchError) {
      var patching = Patching(
        direction, checkpoint: bench.path("work/\(name)"), patch: bench.path("patch"))
      patching.threadCount = 1
      patching.rollsBack = rollsBack
      patching.disk = disk
      _ = try patching.run()
    }

    mutating func stop(_ disk: FaultyDisk, losingPower: Bool) {
      if losingPower { disk.losePower(using: &generator) } else { disk.end() }
    }
  }

  static let directions: [(Direction, from: String, to: String)] = [
    (.apply, "base", "result"), (.strip, "result", "base"),
  ]

  /// How many calls a change makes when nothing fails.
  private func callCount(_ scene: Scene, _ position: Int) throws -> Int {
    let (direction, from, to) = Self.directions[position]
    try scene.prepare(from)
    let disk = FaultyDisk()
    try scene.run(direction, disk)
    #expect(try scene.isSame(as: to) && scene.isClean(like: to))
    return disk.callCount
  }

  @Test(arguments: Scene.kinds, directions.indices)
  func `stopped at any call, with power lost or not, a change is finished or rolled back`(
    kind: String, position: Int
  ) throws {
    var scene = try Scene(kind, seed: 1)
    let (direction, from, to) = Self.directions[position]
    let count = try callCount(scene, position)
    #expect(count > 30)
    for call in 0..<count {
      for variant in 0..<4 {
        let (losesPower, rollsBack) = (variant & 1 == 0, variant & 2 == 0)
        try scene.prepare(from)
        let disk = FaultyDisk(failingAt: call)
        #expect(throws: PatchError.self) { try scene.run(direction, disk) }
        scene.stop(disk, losingPower: losesPower)
        // Nobody takes it for a sound checkpoint before it is one again.
        let verdict = try? Verify(
          checkpoint: scene.bench.path("work/\(scene.name)"), patch: scene.bench.path("patch")
        ).run()
        let isWhole = try scene.isSame(as: "base") || scene.isSame(as: "result")
        #expect(verdict == nil || isWhole, "call \(call)")
        let wasFinished = try scene.isSame(as: to) && scene.isClean(like: to)
        if !rollsBack {
          try scene.run(direction, FaultyDisk())
          #expect(try scene.isSame(as: to) && scene.isClean(like: to), "call \(call)")
        } else if !wasFinished {
          try scene.run(direction, FaultyDisk(), rollsBack: true)
          #expect(try scene.isSame(as: from) && scene.isClean(like: from), "call \(call)")
        }
      }
    }
  }

  @Test(arguments: Scene.kinds, 1...8 as ClosedRange<UInt64>)
  func `stopped again and again on the way forth and back, nothing is lost`(
    kind: String, seed: UInt64
  ) throws {
    var scene = try Scene(kind, seed: seed)
    var generator = SeededGenerator(seed: seed)
    for position in [0, 1, 0, 1] {
      let (direction, from, to) = Self.directions[position]
      let count = try callCount(scene, position)
      try scene.prepare(from)
      for _ in 0..<Int.random(in: 1...9, using: &generator) {
        let disk = FaultyDisk(failingAt: Int.random(in: 0..<count, using: &generator))
        let rollsBack = Bool.random(using: &generator)
        do {
          try scene.run(direction, disk, rollsBack: rollsBack)
          disk.end()
          // It came to its end, one way or the other; begin anew.
          #expect(try scene.isSame(as: rollsBack ? from : to), "seed \(seed)")
          try scene.prepare(from)
        } catch let error as PatchError where error.kind == .mismatch {
          // Nothing can be rolled back any more: the last call failed, all was done.
          #expect(try rollsBack && scene.isSame(as: to), "seed \(seed): \(error)")
          try scene.prepare(from)
        } catch {
          scene.stop(disk, losingPower: Bool.random(using: &generator))
        }
      }
      try scene.run(direction, FaultyDisk())
      #expect(try scene.isSame(as: to) && scene.isClean(like: to), "seed \(seed)")
    }
  }

  @Test(arguments: Scene.kinds, directions.indices)
  func `an error of any call is told, and leaves the checkpoint as it was`(
    kind: String, position: Int
  ) throws {
    let scene = try Scene(kind, seed: 1)
    let (direction, from, to) = Self.directions[position]
    let count = try callCount(scene, position)
    for call in 0..<count {
      try scene.prepare(from)
      let disk = FaultyDisk(failingAt: call, .error(call % 2 == 0 ? ENOSPC : EIO))
      let error = try #require(throws: PatchError.self) { try scene.run(direction, disk) }
      disk.end()
      let cause = call % 2 == 0 ? "No space left on device" : "Input/output error"
      #expect(error.kind == .inputOutput || error.kind == .cannotCreate, "\(error)")
      #expect(error.message.contains(cause), "\(error)")
      #expect(error.path?.contains("/work/") == true, "\(error)")
      if call < count - 2 {
        #expect(try scene.isSame(as: from) && scene.isClean(like: from), "call \(call): \(error)")
      } else {
        // All was done, but for the journal's removal.
        #expect(error.message.contains("the change itself is done"), "\(error)")
        #expect(try scene.isSame(as: to), "call \(call)")
        try scene.run(direction, FaultyDisk())
        #expect(try scene.isSame(as: to) && scene.isClean(like: to), "call \(call)")
      }
    }
  }
}
