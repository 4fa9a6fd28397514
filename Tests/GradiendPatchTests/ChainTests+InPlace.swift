import DeltaCoding
import GradiendPatch
import PatchTestSupport
import TestSupport
import Testing

/// Models that several patches change in place.
extension ChainTests {
  @Test func `several patches change a model in place, there and back`() throws {
    try writeFiles()
    try bench.write(models[0], to: "own")
    let applied = try run(.apply, [1, 2, 3], on: "own", to: nil) { $0.checksSHA256 = true }
    #expect(try bench.bytes("own") == bench.bytes("model-3"))
    #expect(applied.changedElementCount > 0)
    let again = try run(.apply, [1, 2, 3], on: "own", to: nil)
    #expect(again.notes == ["it was the result already"] && again.changedElementCount == 0)
    _ = try run(.strip, [2, 3], on: "own", to: nil)
    #expect(try bench.bytes("own") == bench.bytes("model-1"))
    _ = try run(.strip, [1], on: "own", to: nil)
    #expect(try bench.bytes("own") == bench.bytes("model-0"))
  }

  @Test func `headers that come back to what they were do not keep a change from its place`() throws
  {
    var number = 0
    try write { model, name in
      try bench.folder.write(model.file(metadata: number == 1 ? Self.metadata : []), to: name)
      number += 1
    }
    try bench.folder.write(bench.bytes("model-0"), to: "own")
    let error = try bench.refusal(.usage) { () throws(PatchError) in
      _ = try run(.apply, [1], on: "own", to: nil)
    }
    #expect(error.message.hasPrefix("the patch changes the files' headers too"))
    _ = try run(.apply, [1, 2], on: "own", to: nil)
    #expect(try bench.bytes("own") == bench.bytes("model-2"))
  }

  @Test(arguments: [Direction.apply, .strip])
  func `an interrupted change by several patches is finished, or undone, by these`(
    direction: Direction
  ) throws {
    try writeFiles()
    let (from, to) = direction == .apply ? ("model-0", "model-3") : ("model-3", "model-0")
    func run(
      _ numbers: [Int], _ disk: FaultyDisk = FaultyDisk(), rollsBack: Bool = false
    ) throws(PatchError) -> ModelSummary {
      try self.run(direction, numbers, on: "own/model", to: nil) {
        $0.disk = disk
        $0.rollsBack = rollsBack
        $0.threadCount = 1
      }
    }
    func prepare() throws {
      try? bench.folder.remove("own")
      try bench.folder.write(bench.bytes(from), to: "own/model")
    }
    var generator = SeededGenerator(seed: 3)
    try prepare()
    let counting = FaultyDisk()
    _ = try run([1, 2, 3], counting)
    #expect(counting.callCount > 20)
    var finishedCount = 0
    for call in stride(from: 0, to: counting.callCount, by: 3) {
      let rollsBack = call % 2 == 0
      try prepare()
      let disk = FaultyDisk(failingAt: call)
      #expect(throws: PatchError.self) { try run([1, 2, 3], disk) }
      disk.losePower(using: &generator)
      if try bench.folder.tree().contains(where: { $0.hasSuffix("-journal") }) {
        finishedCount += 1
        let other = #expect(throws: PatchError.self) {
          try run(direction == .apply ? [1, 2] : [2, 3])
        }
        #expect(other?.message.contains("interrupted here with other patches than") == true)
      }
      _ = try run([1, 2, 3], rollsBack: rollsBack)
      // What had no journal any more was done.
      let bytes = try bench.bytes("own/model")
      #expect(try bytes == bench.bytes(rollsBack ? from : to), "\(call)")
      #expect(try bench.folder.tree().filter { $0.hasPrefix("own/") } == ["own/model"])
    }
    #expect(finishedCount > 5)
  }
}
