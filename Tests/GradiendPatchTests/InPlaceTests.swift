import ByteIO
import Checkpoints
import DeltaCoding
import Foundation
import GradiendPatch
import PatchEngine
import PatchTestSupport
import TestSupport
import Testing

/// What may be changed in place, and what is refused.
@Suite struct InPlaceTests {
  let bench: Workbench

  init() throws {
    bench = try Workbench()
    let base = RandomModel(seed: 21)
    try bench.write(base, to: "base")
    try bench.write(base.widelyChanged(from: 22), to: "result")
    try bench.write(base.widelyChanged(from: 122), to: "other")
    try bench.diff("base", "result", to: "patch")
    try bench.diff("base", "other", to: "other.patch")
  }

  @discardableResult
  private func run(
    _ direction: Direction = .apply, _ checkpoint: String = "model",
    patch: String = "patch", rollsBack: Bool = false, sha256: Bool = false,
    disk: any Disk = FaultyDisk()
  ) throws(PatchError) -> ModelSummary {
    var patching = Patching(
      direction, checkpoint: bench.path(checkpoint), patch: bench.path(patch))
    patching.threadCount = 1
    patching.rollsBack = rollsBack
    patching.checksSHA256 = sha256
    patching.disk = disk
    return try patching.run()
  }

  private func copy(_ name: String, to other: String = "model") throws {
    try bench.folder.write(bench.bytes(name), to: other)
  }

  /// Leaves `model` half changed.
  private func interrupt(
    _ direction: Direction = .apply, at call: Int = 20
  ) throws {
    try copy(direction == .apply ? "base" : "result")
    let disk = FaultyDisk(failingAt: call)
    #expect(throws: PatchError.self) { try run(direction, disk: disk) }
    disk.end()
    #expect(try bench.folder.names().contains(Self.journal))
    #expect(try bench.bytes("model") != bench.bytes("base"))
    #expect(try bench.bytes("model") != bench.bytes("result"))
  }

  static let journal = ".model.gradiend-patch-journal"

  // MARK: Done

  @Test func `apply and strip in place give each other's bytes, on the real disk`() throws {
    try copy("base")
    let before = try bench.folder.names()
    let applied = try run(disk: SystemDisk())
    #expect(try bench.bytes("model") == bench.bytes("result"))
    #expect(applied.role == .result && applied.changedElementCount > 0 && applied.notes.isEmpty)
    #expect(try run(.strip, sha256: true, disk: SystemDisk()).role == .base)
    #expect(try bench.bytes("model") == bench.bytes("base"))
    #expect(try bench.folder.names() == before)
  }

  @Test func `what is done already is no error, and nothing is written`() throws {
    try copy("result")
    let disk = FaultyDisk(failingAt: 0)
    let summary = try run(disk: disk)
    #expect(summary.changedElementCount == 0 && summary.notes == ["it was the result already"])
    try copy("base")
    #expect(try run(rollsBack: true, disk: disk).notes == ["there was nothing to roll back"])
    try bench.diff("base", "base", to: "nothing")
    #expect(try run(patch: "nothing", disk: disk).changedElementCount == 0)
    #expect(disk.callCount == 0)
  }

  @Test func `the journal takes an eighth of what changes, and two pages more`() throws {
    try interrupt()
    let journal = try bench.bytes(Self.journal).count
    #expect(journal <= 4_096 + 2 * (4_096 + 4_096))
  }

  // MARK: Refused

  @Test func `a link is refused, and its target stays`() throws {
    try copy("base", to: "hub/blob")
    for folder in ["snapshot", "set"] {
      try FileManager.default.createDirectory(
        atPath: bench.path(folder), withIntermediateDirectories: true)
    }
    try FileManager.default.createSymbolicLink(
      atPath: bench.path("snapshot/model.safetensors"), withDestinationPath: "../hub/blob")
    for name in ["snapshot", "snapshot/model.safetensors"] {
      let error = try bench.refusal(.cannotCreate) { () throws(PatchError) in try run(.apply, name)
      }
      #expect(error.message.hasPrefix("this is a symbolic link"))
    }
    try FileManager.default.linkItem(
      atPath: bench.path("hub/blob"), toPath: bench.path("set/model.safetensors"))
    let error = try bench.refusal(.cannotCreate) { () throws(PatchError) in try run(.apply, "set") }
    #expect(error.message.contains("hard links"))
    #expect(try bench.bytes("hub/blob") == bench.bytes("base"))
  }

  @Test func `a link to the folder is followed`() throws {
    try copy("base", to: "folder/model.safetensors")
    try FileManager.default.createSymbolicLink(
      atPath: bench.path("link"), withDestinationPath: "folder")
    try run(.apply, "link")
    #expect(try bench.bytes("folder/model.safetensors") == bench.bytes("result"))
  }

  @Test func `another checkpoint is refused before anything is written`() throws {
    try copy("other")
    for direction in [Direction.apply, .strip] {
      try bench.refusal(.mismatch) { () throws(PatchError) in
        try run(direction, disk: FaultyDisk(failingAt: 0))
      }
    }
    #expect(try bench.bytes("model") == bench.bytes("other"))
  }

  @Test func `two runs are kept apart, and a dead one is no obstacle`() throws {
    try copy("base")
    let held = try DiskFile(opening: bench.path("model"))
    #expect(try held.lockForChanging())
    let error = try bench.refusal(.cannotOpen) { () throws(PatchError) in try run() }
    #expect(error.message == "another gradiend-patch is reading or changing this file")
    withExtendedLifetime(held) {}
  }

  // MARK: Half changed

  @Test func `whoever reads a checkpoint that is half changed is told so`() throws {
    try interrupt()
    func refuses(_ body: () throws(PatchError) -> Void) throws {
      let error = try bench.refusal(.unfinished, body)
      #expect(error.message.hasPrefix("apply in place was interrupted here"))
      #expect(error.remedy?.contains("roll it back") == true)
    }
    try refuses { () throws(PatchError) in _ = try bench.verify("model", "patch") }
    try refuses { () throws(PatchError) in try bench.apply("patch", to: "model", as: "out") }
    try refuses { () throws(PatchError) in try bench.strip("patch", from: "model", as: "out") }
    try refuses { () throws(PatchError) in try bench.diff("model", "result", to: "out") }
    try refuses { () throws(PatchError) in try bench.diff("base", "model", to: "out") }
    try refuses { () throws(PatchError) in
      _ = try Inspect(path: bench.path("model")).run()
    }
    try bench.writeGradiend(for: RandomModel(seed: 21), to: "gradiend", seed: 1)
    try refuses { () throws(PatchError) in try bench.create("model", "gradiend", to: "out") }
    // By another name, too.
    try FileManager.default.createSymbolicLink(
      atPath: bench.path("link"), withDestinationPath: "model")
    try refuses { () throws(PatchError) in _ = try bench.verify("link", "patch") }
    _ = try bench.verify("base", "patch")
    let held = try DiskFile(opening: bench.path("model"))
    #expect(try held.lockForChanging())
    let error = try bench.refusal(.unfinished) { () throws(PatchError) in
      _ = try bench.verify("model", "patch")
    }
    #expect(error.message.contains("another gradiend-patch is changing"))
    withExtendedLifetime(held) {}
  }

  @Test func `a shard of a set that is half changed is refused as well`() throws {
    let base = RandomModel(seed: 21)
    try bench.writeFolder(base, to: "set", shards: 3)
    let disk = FaultyDisk(failingAt: 20)
    #expect(throws: PatchError.self) { try run(.apply, "set", disk: disk) }
    disk.end()
    for shard in base.shards(3) {
      try bench.refusal(.unfinished) { () throws(PatchError) in
        _ = try bench.verify("set/" + shard.name, "patch")
      }
    }
    try bench.refusal(.unfinished) { () throws(PatchError) in
      try run(.apply, "set/" + base.shards(3)[1].name)
    }
    try run(.apply, "set", rollsBack: true)
    for shard in base.shards(3) { #expect(try bench.bytes("set/" + shard.name) == shard.bytes) }
  }

  @Test func `only the same command goes on`() throws {
    try interrupt()
    for (direction, patch) in [(.strip, "patch"), (.apply, "other.patch")]
      as [(Direction, String)]
    {
      for rollsBack in [false, true] {
        try bench.refusal(.unfinished) { () throws(PatchError) in
          try run(direction, patch: patch, rollsBack: rollsBack)
        }
      }
    }
    #expect(try run().notes == ["finished what an interrupted apply had begun"])
    #expect(try bench.bytes("model") == bench.bytes("result"))
    try interrupt(.strip)
    let summary = try run(.strip, rollsBack: true)
    #expect(summary.role == .result && summary.changedElementCount == 0)
    #expect(try bench.bytes("model") == bench.bytes("result"))
  }

  @Test(arguments: ["base", "result"], [false, true])
  func `a checkpoint that was copied here again makes the journal obsolete`(
    copied: String, rollsBack: Bool
  ) throws {
    try interrupt()
    try copy(copied)
    if copied == "result" && rollsBack {
      let error = #expect(throws: PatchError.self) { try run(rollsBack: true) }
      #expect(error?.kind == .mismatch)
    } else {
      try run(rollsBack: rollsBack)
    }
    let expected = rollsBack ? copied : "result"
    #expect(try bench.bytes("model") == bench.bytes(expected))
    #expect(try !bench.folder.names().contains(Self.journal))
  }

  @Test func `files that something else changed are left alone`() throws {
    try interrupt()
    var bytes = try bench.bytes("model")
    bytes[bytes.count - 1] ^= 1
    try bench.folder.write(bytes, to: "model")
    let journal = try bench.bytes(Self.journal)
    for rollsBack in [false, true] {
      let error = try bench.refusal(.badInput) { () throws(PatchError) in
        try run(rollsBack: rollsBack)
      }
      #expect(error.message.hasPrefix("the files are not as "))
      #expect(try bench.bytes("model") == bytes)
      #expect(try bench.bytes(Self.journal) == journal)
    }
  }

  // MARK: Damaged journals

  @Test func `a journal that is cut or damaged is never followed`() throws {
    try interrupt()
    let (model, journal) = try (bench.bytes("model"), bench.bytes(Self.journal))
    var generator = SeededGenerator(seed: 9)
    let headerEnd = journal.count - 2 * Int(journal[32]) - 512 * Int(journal[33])
    #expect(headerEnd == 4_096)
    for round in 0..<400 {
      var damaged = journal
      switch round % 3 {
      case 0:
        for _ in 0..<Int.random(in: 1...3, using: &generator) {
          // Where something is: the header, and the heads and contents of both slots.
          let start = [0, 4_096, 8_192, 12_288, 16_384].randomElement(using: &generator) ?? 0
          let position = start + Int.random(in: 0..<80, using: &generator)
          if position < damaged.count {
            damaged[position] ^= UInt8.random(in: 1...255, using: &generator)
          }
        }
      case 1: damaged.removeLast(Int.random(in: 1...journal.count, using: &generator))
      default: damaged.swapAt(4_096, 4_096 + (journal.count - 4_096) / 2)
      }
      try bench.folder.write(model, to: "model")
      try bench.folder.write(damaged, to: Self.journal)
      do {
        try run(rollsBack: round % 2 == 0)
        #expect(
          try bench.bytes("model") == bench.bytes(round % 2 == 0 ? "base" : "result"),
          "round \(round)")
      } catch let error as PatchError {
        #expect(error.kind == .badInput, "round \(round): \(error)")
        #expect(try bench.bytes("model") == model, "round \(round)")
        #expect(throws: PatchError.self) { _ = try bench.verify("model", "patch") }
      }
    }
  }

  @Test func `the header and the records are as Formats/journal.md has them`() throws {
    try interrupt()
    let journal = try bench.bytes(Self.journal)
    #expect(journal.starts(with: Array("gpatchjl".utf8) + [1, 0, 0, 0]))
    func integer(_ offset: Int, _ byteCount: Int = 8) -> Int {
      journal[offset..<offset + byteCount].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
    func digest128(_ range: Range<Int>) -> [UInt8] {
      let digest = Digest128(of: Array(journal[range]).span.bytes)
      return SafetensorsBuilder.littleEndian([digest.low, digest.high])
    }
    let end = integer(12, 4) - 16
    #expect(Array(journal[end..<end + 16]) == digest128(0..<end))
    #expect(integer(16) == 0)
    #expect(Array(journal[56..<63]) == [1, 5] + Array("model".utf8) && end == 63)
    let slot = integer(32)
    #expect(journal.count == 4_096 + 2 * slot)
    let records = [4_096, 4_096 + slot].filter { integer($0) > 0 }
    #expect(records.map { integer($0) % 2 } == [1, 0])
    // The later one may be torn.
    for record in records.sorted(by: { integer($0) < integer($1) }).prefix(1) {
      #expect([0, 1].contains(integer(record + 16) - integer(record + 8)))
      let contents = record + 4_096..<record + 4_096 + integer(record + 24)
      #expect(Array(journal[record + 32..<record + 48]) == digest128(contents))
    }
  }

  @Test func `a cancelled change is undone, and says that it was cancelled`() throws {
    try copy("base")
    let before = try bench.folder.tree()
    let cancellation = Cancellation()
    let model = try Checkpoint(path: bench.path("model"))
    let byteCount = model.tensors.reduce(0) { $0 + $1.byteCount }
    let execution = Execution(
      threadCount: 1,
      progress: { if $0.bytesDone > byteCount { cancellation.cancel() } },
      cancellation: cancellation)
    let apply = Apply(base: bench.path("model"), patch: bench.path("patch"), to: .inPlace)
    let error = #expect(throws: PatchError.self) { try apply.run(in: execution) }
    #expect(error?.kind == .cancelled)
    #expect(try bench.folder.tree() == before)
  }
}
