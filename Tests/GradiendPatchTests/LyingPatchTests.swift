import ByteIO
import Checkpoints
import GradiendPatch
import PatchFormat
import TestSupport
import Testing

/// Patches whose digests of themselves are sound, but that promise what is not so.
@Suite struct LyingPatchTests {
  let bench: Workbench
  let sound: PatchFile

  init() throws {
    bench = try Workbench()
    let base = RandomModel(seed: 51)
    try bench.write(base, to: "base")
    try bench.write(base.changed(seed: 54), to: "result")
    try bench.diff("base", "result", to: "patch")
    sound = try PatchFile(path: bench.path("patch"))
    #expect(sound.index.tensors.count { $0.change != nil } > 1)
  }

  @Test func `a patch that is written again unchanged applies`() throws {
    try forge { _, _ in }
    try bench.apply("forged", to: "base", as: "output")
    #expect(try bench.bytes("output") == bench.bytes("result"))
  }

  @Test func `a wrong digest of the base makes the base a stranger`() throws {
    try forge { tensors, _ in
      tensors[2].baseDigest = Digest32(value: ~tensors[2].baseDigest.value)
    }
    #expect(try refusedApply(.mismatch).tensor == sound.index.tensors[2].name)
    try forge { _, metadata in metadata.base.digest = String(repeating: "0", count: 32) }
    #expect(try refusedApply(.mismatch).message.contains("17 of 17 tensors differ"))
  }

  @Test func `a wrong digest of the result is a patch that breaks its promise`() throws {
    let changed = try #require(sound.index.tensors.firstIndex { $0.change != nil })
    try forge { tensors, _ in tensors[changed].change?.resultDigest = Digest32(value: 1) }
    let error = try refusedApply(.badInput)
    #expect(error.tensor == sound.index.tensors[changed].name)
    #expect(error.message.hasPrefix("the patch does not give the result it promises: 1 tensors"))
    try forge { _, metadata in metadata.result.digest = String(repeating: "0", count: 32) }
    #expect(try refusedApply(.badInput).message.contains("17 tensors differ"))
  }

  @Test func `a tensor of another type or shape is not the base's`() throws {
    let scale = try #require(sound.index.tensors.firstIndex { $0.name == "model.scale" })
    try forge { tensors, _ in tensors[scale].elementType = .uint32 }
    #expect(try refusedApply(.mismatch).tensor == "model.scale")
    try forge { tensors, _ in tensors[scale].shape = [1, 1] }
    #expect(try refusedApply(.mismatch).tensor == "model.scale")
  }

  @Test func `chunks of another tensor are refused`() throws {
    let changed = sound.index.tensors.indices.filter { sound.index.tensors[$0].change != nil }
    for position in changed.dropFirst() {
      // Trade the bytes of two tensors: the places stay in order, the digests of both are wrong.
      var order = changed
      order.swapAt(0, try #require(changed.firstIndex(of: position)))
      try forge(chunksFrom: Dictionary(uniqueKeysWithValues: zip(changed, order))) { _, _ in }
      try refusedApply(.badInput)
    }
  }

  @Test func `of patches that follow each other, the one that breaks its promise is named`() throws
  {
    let third = RandomModel(seed: 51).changed(seed: 54).changed(seed: 55)
    try bench.write(third, to: "third")
    try bench.diff("result", "third", to: "next")
    let changed = sound.index.tensors.indices.filter { sound.index.tensors[$0].change != nil }
    var order = changed
    order.swapAt(0, 1)
    try forge(chunksFrom: Dictionary(uniqueKeysWithValues: zip(changed, order))) { _, _ in }
    let patches = ["forged", "next"].map { bench.path($0) }
    for attempt in 0..<3 {
      let error = try bench.refusal(.badInput) { () throws(PatchError) in
        let output = bench.path("output")
        switch attempt {
        case 0: _ = try Apply(base: bench.path("base"), patches: patches, to: .files(output)).run()
        case 1: _ = try Strip(result: bench.path("third"), patches: patches, to: .inPlace).run()
        default: _ = try Combine(base: bench.path("base"), patches: patches, output: output).run()
        }
      }
      #expect(error.path == bench.path("forged"))
    }
  }

  @Test func `chunks that are no coding are refused, and named by their tensor`() throws {
    let changed = sound.index.tensors.indices.filter { sound.index.tensors[$0].change != nil }
    for chunk in [[0xFF, 1, 2], [0], Array(repeating: 0x55, count: 40)] as [[UInt8]] {
      for position in changed {
        try forge(replacing: [position: chunk]) { _, _ in }
        #expect(try refusedApply(.badInput).tensor == sound.index.tensors[position].name)
        try bench.refusal(.badInput) { () throws(PatchError) in
          try bench.strip("forged", from: "result", as: "output")
        }
      }
    }
  }

  @Test(arguments: 1...100 as ClosedRange<UInt64>)
  func `random bytes in a chunk never trap and are never accepted`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let changed = sound.index.tensors.indices.filter { sound.index.tensors[$0].change != nil }
    let position = try #require(changed.randomElement(using: &generator))
    var chunk = try self.chunk(of: position)
    for _ in 0...Int.random(in: 0..<2, using: &generator) {
      chunk[Int.random(in: chunk.indices, using: &generator)] ^=
        UInt8.random(in: 1...255, using: &generator)
    }
    if Bool.random(using: &generator) {
      chunk.removeLast(Int.random(in: 0..<chunk.count, using: &generator))
    }
    try forge(replacing: [position: chunk]) { _, _ in }
    _ = try? Inspect(path: bench.path("forged")).run()
    // Some bits of a coded chunk may not matter; then the result must be the promised one.
    let outcome = Result { () throws(PatchError) in
      try bench.apply("forged", to: "base", as: "output")
    }
    switch outcome {
    case .success: #expect(try bench.bytes("output") == bench.bytes("result"), "seed \(seed)")
    case .failure(let error):
      #expect(error.kind == .badInput, "seed \(seed)")
      #expect(try bench.folder.names() == ["base", "forged", "patch", "result"], "seed \(seed)")
    }
  }

  @Test(arguments: [[1 << 57], [1 << 56, 2], [1, 1 << 57], [1 << 28, 1 << 29], [3, 1 << 23, 5]])
  func `a changed tensor of any size is measured against its bytes`(shape: [Int]) throws {
    let changed = try #require(sound.index.tensors.firstIndex { $0.change != nil })
    try forge { tensors, metadata in
      metadata.elementCount += shape.reduce(1, *) - tensors[changed].elementCount
      tensors[changed].elementType = .float32
      tensors[changed].shape = shape
    }
    try refusedApply(.mismatch)
    let error = try bench.refusal(.badInput) { () throws(PatchError) in
      _ = try Inspect(path: bench.path("forged")).run()
    }
    #expect(error.path == bench.path("forged"))
  }

  @Test func `names that look like paths stay names`() throws {
    for name in ["../outside", "/tmp/outside", "a/../../b", "..", "", "\u{1B}[2J", "nul\u{0}"] {
      try forge { tensors, _ in tensors[0].name = name }
      try refusedApply(.mismatch)
      _ = try Inspect(path: bench.path("forged")).run()
    }
    // The names of files in the metadata are for people only.
    try forge { _, metadata in
      metadata.base.files = [
        .init(name: "../../../outside", sha256: String(repeating: "0", count: 64))
      ]
      metadata.result.files = metadata.base.files
    }
    try bench.apply("forged", to: "base", as: "output")
    #expect(
      try bench.folder.names() == ["base", "forged", "output", "patch", "result"])
  }

  // MARK: Parts

  /// Writes the patch `forged`: the sound one with other contents under digests of its own.
  private func forge(
    replacing chunks: [Int: [UInt8]] = [:], chunksFrom sources: [Int: Int] = [:],
    _ edit: (inout [PatchIndex.Tensor], inout PatchMetadata) -> Void
  ) throws {
    var (tensors, metadata) = (sound.index.tensors, sound.metadata)
    edit(&tensors, &metadata)
    var reserved = sound.metadata
    reserved.elementCount = Int.max
    var writer = try PatchWriter(
      path: bench.path("forged"), overwrites: true, reserving: reserved)
    var end = 0
    for position in tensors.indices where tensors[position].change != nil {
      let chunk = try chunks[position] ?? chunk(of: sources[position] ?? position)
      let byteCount = try writer.append(chunk: chunk)
      tensors[position].change?.byteRange = end..<end + byteCount
      end += byteCount
    }
    _ = try writer.finish(tensors: tensors, metadata: metadata)
  }

  /// The coded chunk of a tensor, which has but one.
  private func chunk(of position: Int) throws -> [UInt8] {
    let range = try #require(sound.chunkByteRanges(of: sound.index.tensors[position]).first)
    return sound.file.bytes.extracting(range).array
  }

  @discardableResult
  private func refusedApply(_ kind: PatchError.Kind) throws -> PatchError {
    try bench.refusal(kind) { () throws(PatchError) in
      try bench.apply("forged", to: "base", as: "output")
    }
  }
}
