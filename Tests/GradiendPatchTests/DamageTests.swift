import GradiendPatch
import TestSupport
import Testing

/// Patches that are not as they were made.
@Suite struct DamageTests {
  let bench: Workbench
  let patch: [UInt8]

  init() throws {
    bench = try Workbench()
    let base = RandomModel(seed: 41)
    try bench.write(base, to: "base")
    try bench.write(base.changed(seed: 44), to: "result")
    try bench.diff("base", "result", to: "patch")
    patch = try bench.bytes("patch")
  }

  @Test func `a flipped bit anywhere in a patch is an error`() throws {
    var generator = SeededGenerator(seed: 4)
    for position in patch.indices where position % 2 == Int.random(in: 0...1, using: &generator) {
      var damaged = patch
      damaged[position] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      try refuse(damaged, "byte \(position)")
    }
    try checkFolder()
  }

  @Test func `a patch cut off anywhere is an error`() throws {
    for length in stride(from: 0, to: patch.count, by: 17) {
      try refuse(Array(patch.prefix(length)), "\(length) bytes")
    }
    try refuse(patch + [0], "a byte more")
    try checkFolder()
  }

  @Test func `random damage is an error`() throws {
    for seed in 1...60 as ClosedRange<UInt64> {
      var generator = SeededGenerator(seed: seed)
      var damaged = patch
      for _ in 0...Int.random(in: 0..<4, using: &generator) {
        let start = Int.random(in: 0..<damaged.count, using: &generator)
        let end = min(damaged.count, start + Int.random(in: 0..<32, using: &generator))
        let bytes = (0..<Int.random(in: 0..<32, using: &generator)).map { _ in
          UInt8.random(in: 0...255, using: &generator)
        }
        damaged.replaceSubrange(start..<end, with: bytes)
      }
      if damaged != patch { try refuse(damaged, "seed \(seed)") }
    }
    try checkFolder()
  }

  private func refuse(_ bytes: [UInt8], _ what: Comment) throws {
    try bench.folder.write(bytes, to: "damaged")
    do throws(PatchError) {
      try bench.apply("damaged", to: "base", as: "output")
      Issue.record(what)
    } catch {
      #expect(error.kind == .badInput, what)
    }
    // Whose metadata lack the format is a checkpoint, as far as inspection can tell.
    if (try? Inspect(path: bench.path("damaged")).run())?.patch != nil { Issue.record(what) }
  }

  /// Checks that nothing was written besides what the test wrote.
  private func checkFolder() throws {
    #expect(try bench.folder.names() == ["base", "damaged", "patch", "result"])
  }
}
