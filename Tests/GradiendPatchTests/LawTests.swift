import GradiendPatch
import TestSupport
import Testing

/// What holds for every model and every update.
@Suite struct LawTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func `apply then strip is the base, and strip then apply is the result`(seed: UInt64) throws {
    let base = RandomModel(seed: seed)
    let result = base.changed(seed: seed + 100)
    try bench.write(base, to: "base.safetensors")
    try bench.write(result, to: "result.safetensors")
    try bench.diff("base.safetensors", "result.safetensors", to: "patch")

    try bench.apply("patch", to: "base.safetensors", as: "applied")
    #expect(try bench.bytes("applied") == result.file())
    try bench.strip("patch", from: "applied", as: "stripped")
    #expect(try bench.bytes("stripped") == base.file())
    try bench.apply("patch", to: "stripped", as: "again")
    #expect(try bench.bytes("again") == result.file())
  }

  @Test(arguments: 1...10 as ClosedRange<UInt64>)
  func `a created patch gives back the base, and changes what it counts and nothing else`(
    seed: UInt64
  ) throws {
    let model = RandomModel(seed: seed)
    try bench.write(model, to: "base")
    try bench.writeGradiend(for: model, to: "gradiend", seed: seed)
    let summary = try bench.create("base", "gradiend", to: "patch", rate: 0.001)
    try bench.apply("patch", to: "base", as: "result")
    try bench.strip("patch", from: "result", as: "stripped")

    let (base, result) = (model.file(), try bench.bytes("result"))
    #expect(try bench.bytes("stripped") == base)
    var offset = base.count - model.tensors.reduce(0) { $0 + $1.bytes.count }
    #expect(result.prefix(offset) == base.prefix(offset), "the header")
    var (changedTensors, changedElements) = (0, 0)
    for tensor in model.tensors {
      let found = Array(result[offset..<offset + tensor.bytes.count])
      offset += found.count
      guard found != tensor.bytes else { continue }
      #expect(tensor.isPatchable, "\(tensor.name)")
      changedTensors += 1
      changedElements += stride(from: 0, to: found.count, by: tensor.byteWidth).count {
        found[$0..<$0 + tensor.byteWidth] != tensor.bytes[$0..<$0 + tensor.byteWidth]
      }
    }
    #expect(summary.changedTensorCount == changedTensors)
    #expect(summary.changedElementCount == changedElements)
    #expect(changedTensors > 1)
  }

  @Test(arguments: [UInt64](1...4), [1, 2])
  func `a patch depends on its inputs alone, not on threads or time`(
    seed: UInt64, latentCount: Int
  ) throws {
    let model = RandomModel(seed: seed)
    try bench.write(model, to: "base")
    try bench.writeGradiend(for: model, to: "gradiend", latentCount: latentCount, seed: seed)
    let factors: [Float] = latentCount == 1 ? [-1] : [-1, 0.5]
    var patches: Set<[UInt8]> = []
    for (run, threads) in [1, 1, 2, 5].enumerated() {
      try bench.create(
        "base", "gradiend", to: "created-\(run)", factors: factors, threads: threads)
      patches.insert(try bench.bytes("created-\(run)"))
    }
    #expect(patches.count == 1)

    try bench.apply("created-0", to: "base", as: "result", threads: 5)
    try bench.apply("created-0", to: "base", as: "alone", threads: 1)
    #expect(try bench.bytes("result") == bench.bytes("alone"))
    var diffs: Set<[UInt8]> = []
    for threads in [1, 2, 5] {
      try bench.diff("base", "result", to: "diff-\(threads)", threads: threads)
      diffs.insert(try bench.bytes("diff-\(threads)"))
    }
    #expect(diffs.count == 1)
  }

  @Test(arguments: [UInt64](1...3))
  func `the diff of base and result applies as the created patch does`(seed: UInt64) throws {
    let model = RandomModel(seed: seed)
    try bench.write(model, to: "base")
    try bench.writeGradiend(for: model, to: "gradiend", seed: seed)
    let created = try bench.create("base", "gradiend", to: "created")
    try bench.apply("created", to: "base", as: "result")
    let compared = try bench.diff("base", "result", to: "compared")
    #expect(compared.changedElementCount == created.changedElementCount)
    try bench.apply("compared", to: "base", as: "again")
    #expect(try bench.bytes("again") == bench.bytes("result"))
    try bench.strip("compared", from: "result", as: "stripped")
    #expect(try bench.bytes("stripped") == model.file())
  }

  @Test func `a tensor of several chunks is patched in its last chunk alone`() throws {
    // 8 MiB a chunk: two rows of 3 MiB each, and one more row.
    let row = 3 << 19
    var base = [UInt8](repeating: 0x3C, count: 3 * 2 * row)
    try bench.folder.write(Self.file(base, row), to: "base")
    base[base.count - 1] ^= 0x80
    try bench.folder.write(Self.file(base, row), to: "result")
    let summary = try bench.diff("base", "result", to: "patch")
    #expect(summary.changedElementCount == 1)
    #expect(summary.byteCount < 3000)
    try bench.apply("patch", to: "base", as: "applied", threads: 2)
    #expect(try bench.bytes("applied") == bench.bytes("result"))
    try bench.strip("patch", from: "result", as: "stripped", threads: 1)
    #expect(try bench.bytes("stripped") == bench.bytes("base"))
  }

  @Test func `an update of nothing makes a patch that says so and still applies`() throws {
    let model = RandomModel(seed: 1)
    try bench.write(model, to: "base")
    let summary = try bench.diff("base", "base", to: "patch")
    #expect(summary.notes == ["the patch changes nothing: both checkpoints hold the same values"])
    try bench.apply("patch", to: "base", as: "applied")
    #expect(try bench.bytes("applied") == model.file())
    try bench.strip("patch", from: "applied", as: "stripped")
    #expect(try bench.bytes("stripped") == model.file())
  }

  private static func file(_ bytes: [UInt8], _ columns: Int) -> [UInt8] {
    var builder = SafetensorsBuilder()
    builder.add("long", "BF16", [3, columns], bytes)
    return builder.bytes
  }
}
