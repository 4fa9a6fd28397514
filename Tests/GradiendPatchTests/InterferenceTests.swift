import DeltaCoding
import Foundation
import Glibc
import GradiendPatch
import TestSupport
import Testing

/// Other processes that write to the patch or to the model while this is changed in place.
@Suite struct InterferenceTests {
  typealias Scene = InPlaceFaultTests.Scene

  /// A byte of the checkpoint's tensors.
  private struct Place {
    let file: String
    let offset: Int
  }

  /// Writes over a byte of a file that stays where it is.
  private static func write(_ byte: UInt8, to path: String, at offset: Int) throws {
    let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: [byte])
    try file.close()
  }

  /// Where base and result differ.
  private func places(in scene: Scene) throws -> [Place] {
    try scene.files.flatMap { file in
      let base = try scene.bench.bytes("base/\(file)")
      let result = try scene.bench.bytes("result/\(file)")
      return base.indices.filter { base[$0] != result[$0] }.map { Place(file: file, offset: $0) }
    }
  }

  /// How many calls a change makes that nothing disturbs.
  private func callCount(_ scene: Scene, _ position: Int) throws -> Int {
    let (direction, from, _) = InPlaceFaultTests.directions[position]
    try scene.prepare(from)
    let disk = FaultyDisk()
    try scene.run(direction, disk)
    return disk.callCount
  }

  private func hasJournal(_ scene: Scene) throws -> Bool {
    try scene.bench.folder.tree().contains { $0.hasSuffix(".gradiend-patch-journal") }
  }

  /// The journal stays until the files are the input or the output, and says so.
  private func checkNothingIsLost(_ scene: Scene, _ error: PatchError?) throws {
    let isWhole = try scene.isSame(as: "base") || scene.isSame(as: "result")
    guard try hasJournal(scene) else {
      let isUntouched = error?.remedy?.hasSuffix("nothing was changed") ?? false
      #expect(isWhole || isUntouched, "\(error.map { "\($0)" } ?? "no error")")
      return
    }
    let message = try #require(error).message
    #expect(message.contains("half changed") || message.contains("damaged"), "\(message)")
    #expect(throws: PatchError.self) {
      try scene.bench.verify("work/\(scene.name)", "patch")
    }
  }

  private func attempt(
    _ scene: Scene, _ direction: Direction, _ disk: FaultyDisk,
    rollsBack: Bool = false
  ) -> PatchError? {
    defer { disk.end() }
    do throws(PatchError) {
      try scene.run(direction, disk, rollsBack: rollsBack)
      return nil
    } catch {
      return error
    }
  }

  @Test(arguments: Scene.kinds, InPlaceFaultTests.directions.indices)
  func `a patch that changes during the run costs nothing but the run`(
    kind: String, position: Int
  ) throws {
    let scene = try Scene(kind, seed: 1)
    let (direction, from, to) = InPlaceFaultTests.directions[position]
    let patch = try scene.bench.bytes("patch")
    let deltas = 8 + Int(patch[0]) + Int(patch[1]) << 8
    var generator = SeededGenerator(seed: UInt64(position))
    for call in try 0..<callCount(scene, position) {
      try scene.prepare(from)
      try scene.bench.folder.write(patch, to: "patch")
      let disk = FaultyDisk()
      let offset = Int.random(in: deltas..<deltas + (patch.count - deltas) / 2, using: &generator)
      disk.interference = (
        call,
        {
          for position in offset..<min(offset + 8, patch.count) {
            try Self.write(
              patch[position] ^ 0x58, to: scene.bench.path("patch"), at: position)
          }
        }
      )
      let error = attempt(scene, direction, disk)
      try checkNothingIsLost(scene, error)
      let left = try scene.files.map { try scene.bench.bytes("work/\($0)") }
      #expect(attempt(scene, direction, FaultyDisk())?.kind == .badInput)
      #expect(try scene.files.map { try scene.bench.bytes("work/\($0)") } == left)
      try scene.bench.folder.write(patch, to: "patch")
      let goesBack = try call % 2 == 0 && hasJournal(scene)
      #expect(attempt(scene, direction, FaultyDisk(), rollsBack: goesBack) == nil, "call \(call)")
      let expected = goesBack ? from : to
      #expect(try scene.isSame(as: expected) && scene.isClean(like: expected), "call \(call)")
    }
  }

  @Test(arguments: Scene.kinds, InPlaceFaultTests.directions.indices)
  func `a model that another process writes to keeps its journal until it is whole again`(
    kind: String, position: Int
  ) throws {
    let scene = try Scene(kind, seed: 1)
    let (direction, from, to) = InPlaceFaultTests.directions[position]
    var generator = SeededGenerator(seed: UInt64(position))
    // Nobody looks any more while the journal is removed.
    let count = try callCount(scene, position) - 2
    let places = try places(in: scene)
    for call in 0..<count {
      for failing in [nil, Int.random(in: call..<count, using: &generator)] {
        try scene.prepare(from)
        let place = try #require(places.randomElement(using: &generator))
        let path = scene.bench.path("work/\(place.file)")
        let disk = FaultyDisk(failingAt: failing, .error(ENOSPC))
        disk.interference = (
          call,
          {
            let byte = try scene.bench.bytes("work/\(place.file)")[place.offset]
            try Self.write(byte ^ 0x10, to: path, at: place.offset)
          }
        )
        let error = attempt(scene, direction, disk)
        try checkNothingIsLost(scene, error)
        guard try hasJournal(scene) else { continue }
        let goesBack = Bool.random(using: &generator)
        var last: PatchError?
        for source in ["base", "result"] {
          let byte = try scene.bench.bytes("\(source)/\(place.file)")[place.offset]
          try Self.write(byte, to: path, at: place.offset)
          last = attempt(scene, direction, FaultyDisk(), rollsBack: goesBack)
          if last == nil { break }
        }
        #expect(last == nil, "call \(call)")
        let expected = goesBack ? from : to
        #expect(try scene.isSame(as: expected) && scene.isClean(like: expected), "call \(call)")
      }
    }
  }

  @Test func `the error names what changed, and how many tensors are damaged`() throws {
    let scene = try Scene("file", seed: 1)
    let count = try callCount(scene, 0)
    let place = try #require(places(in: scene).first)
    try scene.prepare("base")
    let disk = FaultyDisk()
    disk.interference = (
      count - 3,
      { try Self.write(0xA5, to: scene.bench.path("work/\(place.file)"), at: place.offset) }
    )
    let error = try #require(attempt(scene, .apply, disk))
    #expect(error.kind == .inputOutput && error.tensor != nil)
    #expect(
      error.message.hasPrefix(
        "the files are damaged: 1 of 17 tensors are not the result's, first '"))
    #expect(error.remedy?.contains("copy the checkpoint here again and remove") == true)
  }
}
