import PatchTestSupport
import ByteIO
import DeltaCoding
import Foundation
import GradiendPatch
import Synchronization
import TestSupport
import Testing

/// What only reads a checkpoint, and changes in place, keep out of each other's way.
@Suite struct ReadingTests {
  let bench: Workbench
  /// What an interrupted change of `base` leaves, which is itself left as it is.
  let journal: [UInt8]

  static let journalName = ".base.gradiend-patch-journal"
  static let readers = ["apply", "strip", "verify", "diff from", "diff to", "create", "inspect"]

  init() throws {
    bench = try Workbench()
    let base = RandomModel(seed: 21)
    try bench.write(base, to: "base")
    try bench.write(base.widelyChanged(from: 22), to: "result")
    try bench.writeGradiend(for: base, to: "gradiend", seed: 1)
    try bench.diff("base", "result", to: "patch")
    try bench.diff("result", "base", to: "back")
    let before = try bench.bytes("base")
    var patching = Patching(
      .apply, checkpoint: bench.path("base"), patch: bench.path("patch"))
    patching.threadCount = 1
    let disk = FaultyDisk(failingAt: 20)
    patching.disk = disk
    #expect(throws: PatchError.self) { try patching.run() }
    disk.end()
    journal = try bench.bytes(Self.journalName)
    try bench.folder.remove(Self.journalName)
    try bench.folder.write(before, to: "base")
  }

  /// Reads `base`, and tells how far it has come.
  private func read(_ reader: String, progress: @escaping ProgressHandler) throws(PatchError) {
    let (base, patch, out) = (bench.path("base"), bench.path("patch"), bench.path("out"))
    func patching(_ direction: Direction, _ patch: String) -> Patching {
      Patching(direction, checkpoint: base, patch: bench.path(patch), output: out)
    }
    switch reader {
    case "apply": _ = try patching(.apply, "patch").run(progress: progress)
    case "strip": _ = try patching(.strip, "back").run(progress: progress)
    case "verify":
      _ = try Verify(checkpoint: base, patch: patch).run(progress: progress)
    case "diff from":
      _ = try Diff(base: base, result: bench.path("result"), output: out)
        .run(progress: progress)
    case "diff to":
      _ = try Diff(base: bench.path("result"), result: base, output: out)
        .run(progress: progress)
    case "create":
      _ = try Create(
        base: base, gradiend: bench.path("gradiend"), output: out, featureFactors: [-1],
        learningRate: 0.01
      ).run(progress: progress)
    default:
      var inspection = Inspect(path: patch)
      inspection.base = base
      inspection.pageOutput = out
      _ = try inspection.run(progress: progress)
    }
  }

  @Test(arguments: readers)
  func `a checkpoint is not changed while it is read`(reader: String) throws {
    let refusals = Mutex<[PatchError]>([])
    let before = try bench.bytes("base")
    try read(reader) { _ in
      do throws(PatchError) {
        _ = try Patching(.apply, checkpoint: bench.path("base"), patch: bench.path("patch"))
          .run()
      } catch {
        refusals.withLock { $0.append(error) }
      }
    }
    let errors = refusals.withLock { $0 }
    #expect(!errors.isEmpty && errors.allSatisfy { $0.kind == .cannotOpen }, "\(errors)")
    #expect(
      errors.allSatisfy {
        $0.message == "another gradiend-patch is reading or changing this file"
      })
    #expect(try bench.bytes("base") == before)
    // Nothing holds it any more.
    _ = try Patching(.apply, checkpoint: bench.path("base"), patch: bench.path("patch"))
      .run()
    #expect(try bench.bytes("base") == bench.bytes("result"))
  }

  @Test(arguments: readers)
  func `a checkpoint is not read while it is changed, but by any number of readers`(reader: String)
    throws
  {
    let other = try DiskFile(reading: bench.path("base"))
    #expect(try other.lockForReading())
    try read(reader) { _ in }
    try? bench.folder.remove("out")
    withExtendedLifetime(other) {}
    let changing = try DiskFile(opening: bench.path("result"))
    #expect(try changing.lockForChanging())
    try bench.folder.remove("base")
    try FileManager.default.createSymbolicLink(
      atPath: bench.path("base"), withDestinationPath: "result")
    let error = try bench.refusal(.unfinished) { () throws(PatchError) in
      try read(reader) { _ in }
    }
    #expect(error.message == "another gradiend-patch is changing this checkpoint in place")
    withExtendedLifetime(changing) {}
  }

  @Test(arguments: readers)
  func `a journal that appears while a checkpoint is read is found before anything comes of it`(
    reader: String
  ) throws {
    let before = try bench.folder.tree()
    let error = #expect(throws: PatchError.self) {
      try read(reader) { _ in _ = try? bench.folder.write(journal, to: Self.journalName) }
    }
    #expect(error?.kind == .unfinished, "\(error.map { "\($0)" } ?? "")")
    try bench.folder.remove(Self.journalName)
    #expect(try bench.folder.tree() == before)
  }
}
