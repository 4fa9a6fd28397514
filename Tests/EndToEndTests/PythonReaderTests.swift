import Foundation
import TestSupport
import Testing

/// Patches read by a program that was written from the specifications alone.
@Suite struct PythonReaderTests {
  let folder: TemporaryDirectory
  let program: Program
  let python: Program

  init() throws {
    folder = try TemporaryDirectory()
    program = Program(folder: folder.path)
    python = Program(
      folder: folder.path, executable: try Python.interpreter(with: "numpy, xxhash, zstandard"))
  }

  // MARK: Patches of integers

  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func `integers are applied and stripped to the same bytes`(seed: UInt64) throws {
    let base = RandomModel(seed: seed)
    var result = base.changed(seed: seed + 10)
    for index in result.tensors.indices where result.tensors[index].isPatchable {
      result.tensors[index] = base.tensors[index]
    }
    try checkReader(base.file(), result.file())
  }

  @Test func `tensors of several chunks are cut as the specification says`() throws {
    let limit = 8 << 20
    for shape in [[3, limit / 2 - 1], [limit + 5], [1, 1, limit + 1]] {
      let count = shape.reduce(1, *)
      var bytes = [UInt8](repeating: 1, count: count)
      let base = Self.file("U8", shape, bytes)
      bytes[0] = 2
      bytes[count - 1] = 3
      try checkReader(base, Self.file("U8", shape, bytes))
    }
  }

  @Test(arguments: ["roberta-bf16", "gemma3-bf16"])
  func `rows that a GGUF lacks are cut off as the specification says`(name: String) throws {
    for (source, file) in [(name, "base"), (name + ".dense", "result")] {
      let source = try ReferenceGGUF.path("families/hf/\(source)")
      for (part, target) in [("config.json", "config.json"), ("model.safetensors", file)] {
        try folder.write(try folder.bytes(at: "\(source)/\(part)"), to: target)
      }
    }
    let made = try program.run("diff", "base", "result", "-o", "patch")
    #expect(made.status == 0, "\(made.error)")
    try checkReader(patch: "patch", base: "base", result: "result")
  }

  @Test func `tensors that a patch carries whole come out, and only with the publisher's files`()
    throws
  {
    var pair = QuantisedPair()
    try checkReader(pair.base, pair.result)
    pair.texts.base = "{}"
    try folder.write(pair.base, to: "other")
    try refuse("apply", "other", "patch", because: "not the base, file by file")
  }

  @Test func `a patch of nothing is read`() throws {
    let model = RandomModel(seed: 7).file()
    try checkReader(model, model)
  }

  // MARK: Patches of floats

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func `floats are applied and stripped to the same bytes`(seed: UInt64) throws {
    let base = RandomModel(seed: seed)
    try checkReader(base.file(), base.changed(seed: seed + 20).file())
  }

  @Test func `rows and columns that change often are applied and stripped to the same bytes`()
    throws
  {
    let tensor = OuterProduct(rows: 300, columns: 300, seed: 1)
    try checkReader(
      Self.file("BF16", tensor.shape, tensor.base), Self.file("BF16", tensor.shape, tensor.result))
  }

  @Test(
    arguments: GoldenPair.all.filter {
      ["narrow-floats", "packed", "packed-floats"].contains($0.name)
    })
  func `8-bit floats and packed codes are applied and stripped to the same bytes`(
    pair: GoldenPair
  ) throws {
    let (base, result) = try pair.paths(in: folder)
    try checkReader(folder.bytes(at: base), folder.bytes(at: result))
  }

  @Test func `a created patch is applied and stripped to the same bytes`() throws {
    let base = RandomModel(seed: 5)
    var builder = GradiendBuilder(base.parameters(seed: 5), seed: 5)
    try builder.write(to: folder, as: "gradiend")
    try folder.write(base.file(), to: "base")
    for (name, rate) in [("small", "-0.001"), ("large", "3")] {
      let made = try program.run(
        "create", "base", "gradiend", "-o", name, "--feature-factor=-1", "--learning-rate=" + rate)
      #expect(made.status == 0, "\(made.error)")
      #expect(try program.run("apply", "base", name, "-o", "applied-" + name).status == 0)
      try checkReader(patch: name, base: "base", result: "applied-" + name)
    }
  }

  @Test func `a patch of several GRADIENDs is applied and stripped to the same bytes`() throws {
    let base = RandomModel(seed: 7)
    try folder.write(base.file(), to: "base")
    for seed in 1...2 as ClosedRange<UInt64> {
      var builder = GradiendBuilder(base.parameters(seed: seed), seed: seed)
      try builder.write(to: folder, as: "gradiend-\(seed)")
    }
    try folder.write(
      #"{"feature_class_encoding_direction": {"b": 1, "a": -1}}"#,
      to: "gradiend-2/gradiend_context.json")
    let made = try program.run(
      "create", "base", "gradiend-1", "gradiend-2", "-o", "patch", "--feature-factor=-1",
      "--learning-rate=0.1", "--feature-factor=1", "--learning-rate=0.2")
    #expect(made.status == 0, "\(made.error)")
    #expect(try program.run("apply", "base", "patch", "-o", "applied").status == 0)
    try checkReader(patch: "patch", base: "base", result: "applied")
  }

  @Test func `a patch that records where its inputs come from is read`() throws {
    let base = RandomModel(seed: 6)
    let cache = try HubCacheBuilder()
    try cache.add("model.safetensors", base.file(), to: "org/base")
    try cache.add("model.safetensors", base.changed(seed: 26).file(), to: "org/result")
    let (before, after) = (cache.snapshot(of: "org/base"), cache.snapshot(of: "org/result"))
    let made = try program.run(
      "diff", cache.folder.path(before), cache.folder.path(after), "-o", "patch")
    #expect(made.status == 0, "\(made.error)")
    try folder.write(base.file(), to: "base")
    try folder.write(base.changed(seed: 26).file(), to: "result")
    try checkReader(patch: "patch", base: "base", result: "result")
  }

  // MARK: Patches of GGUFs

  /// A tensor of each type that llama.cpp quantises to, before and after an update.
  @Test func `quantised models are applied and stripped to the same bytes`() throws {
    try checkReader(named: "all-types")
  }

  /// Number, elements and bytes of a block of each type that has any.
  static let blockTypes: [(number: Int32, elementCount: Int64, byteCount: Int)] = [
    (2, 32, 18), (3, 32, 20), (6, 32, 22), (7, 32, 24), (8, 32, 34), (9, 32, 36), (10, 256, 84),
    (11, 256, 110), (12, 256, 144), (13, 256, 176), (14, 256, 210), (15, 256, 292), (16, 256, 66),
    (17, 256, 74), (18, 256, 98), (19, 256, 50), (20, 32, 18), (21, 256, 110), (22, 256, 82),
    (23, 256, 136), (29, 256, 56), (34, 256, 54), (35, 256, 66), (39, 32, 17), (40, 64, 36),
    (41, 128, 18), (42, 64, 18),
  ]

  @Test(arguments: [0.005, 0.1, 1])
  func `blocks of every type are applied and stripped to the same bytes`(share: Double) throws {
    var generator = SeededGenerator(seed: 3)
    var base = GGUFBuilder()
    for (number, elementCount, byteCount) in Self.blockTypes {
      base.tensors.append(
        .init(
          "type \(number)", [3 * elementCount, 7], type: number,
          (0..<21 * byteCount).map { _ in UInt8.random(in: 0...255, using: &generator) }))
    }
    var result = base
    for index in base.tensors.indices {
      for byte in base.tensors[index].bytes.indices
      where Double.random(in: 0..<1, using: &generator) < share {
        result.tensors[index].bytes[byte] &+= UInt8.random(in: 1...255, using: &generator)
      }
    }
    try checkReader(base.bytes, result.bytes)
  }

  @Test(arguments: [
    (chunk: [9], reason: "coding 9 is unknown"),
    (chunk: [6, 0xFF], reason: "coding 6 is not for Q8_0"),
    (chunk: [0, 1, 2], reason: "the planes are no zstd frame"),
    (chunk: [3, 0, 0, 0, 0, 0, 0], reason: "nothing changes"),
    (chunk: [3, 2, 1, 0, 0, 0, 0, 0], reason: "more than there are elements"),
    (chunk: [3, 0, 0, 0, 0, 1, 0, 99], reason: "a field is cut"),
    (chunk: [3, 0, 0, 0, 0, 0x81, 0], reason: "an integer is not in its shortest form"),
  ])
  func `a chunk of blocks that cannot be is refused, with tensor and reason`(
    chunk: [UInt8], reason: String
  ) throws {
    try writeForged(chunk)
    try refuse("apply", "base", "forged", because: "forged: chunk 0 of 'a': " + reason)
  }

  @Test func `a chunk of blocks that says anything is refused by digests`() throws {
    var generator = SeededGenerator(seed: 4)
    for counts in [[2, 0, 0, 0, 0, 0, 4], [0, 0, 0, 0, 40, 20, 5], [1, 1, 0, 0, 9, 9, 3, 2]] {
      let streams = (0..<30).map { _ in UInt8.random(in: 0...255, using: &generator) }
      try writeForged([3] + counts.map { UInt8($0) } + streams)
      try refuse("apply", "base", "forged", because: "forged: 'a' is not that of the result")
    }
  }

  /// Writes a base of two blocks, and a patch of it with sound digests but for the result's.
  private func writeForged(_ chunk: [UInt8]) throws {
    var base = GGUFBuilder()
    base.tensors = [.init("a", [64], type: 8, (0..<68).map { UInt8($0) })]
    try folder.write(base.bytes, to: "base")
    let tensor: PatchForge.Tensor = ("a", 27, [64], base.tensors[0].bytes)
    var forge = PatchForge()
    forge.deltas = [UInt8(chunk.count)] + chunk
    forge.table.count = [1]
    forge.table.nameLengths = [1]
    forge.table.names = Array("a".utf8)
    forge.table.types = [27]
    forge.table.ranks = [1]
    forge.table.dimensions = [64]
    forge.table.baseDigests = PatchForge.tableDigests([tensor])
    forge.table.changed = [32]
    forge.table.byteCounts = [UInt8(forge.deltas.count)]
    forge["base_digest"] = PatchForge.digest([tensor])
    (forge["tensors"], forge["elements"]) = ("1", "64")
    forge["changed_elements"] = "32"
    try folder.write(forge.bytes, to: "forged")
  }

  // MARK: Files that differ in more than their tensors

  @Test func `a GGUF of other keys comes out as it should`() throws {
    try checkReader(named: "llama-bf16.dense.BF16.renamed")
  }

  @Test(arguments: 1...3 as ClosedRange<UInt64>)
  func `other headers and another order come out as they should`(seed: UInt64) throws {
    let base = RandomModel(seed: seed)
    var result = base.changed(seed: seed + 30)
    result.tensors.reverse()
    try checkReader(base.file(), result.file(metadata: [("format", "pt"), ("title", "debiased")]))
  }

  // MARK: Refusals

  @Test func `a wrong base and a damaged patch are refused`() throws {
    let base = RandomModel(seed: 8)
    try folder.write(base.file(), to: "base")
    try folder.write(base.changed(seed: 9).file(), to: "other")
    #expect(try program.run("diff", "base", "other", "-o", "patch").status == 0)
    try refuse("apply", "other", "patch", because: "is not that of the base")
    try refuse("strip", "base", "patch", because: "is not that of the result")
    let patch = try folder.bytes(of: "patch")
    var generator = SeededGenerator(seed: 1)
    for position in (0..<12).map({ $0 * (patch.count - 1) / 11 }) {
      var damaged = patch
      damaged[position] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      try folder.write(damaged, to: "damaged")
      let outcome = try run("apply", "base", "damaged")
      #expect(outcome.status == 1, "byte \(position)")
      #expect(outcome.error.hasPrefix("refused: "), "byte \(position): \(outcome.error)")
      #expect(try !folder.names().contains("read"))
    }
  }

  // MARK: Parts

  /// Compares the reader with the program on the patch from one file to another.
  private func checkReader(_ base: [UInt8], _ result: [UInt8]) throws {
    try folder.write(base, to: "base")
    try folder.write(result, to: "result")
    let made = try program.run("diff", "base", "result", "-o", "patch", "--force")
    #expect(made.status == 0, "\(made.error)")
    try checkReader(patch: "patch", base: "base", result: "result")
  }

  private func checkReader(named name: String) throws {
    let pair = try #require(ReferenceGGUF.pairs().first { $0.name == name })
    try checkReader(folder.bytes(at: pair.base[0]), folder.bytes(at: pair.result[0]))
  }

  private func checkReader(patch: String, base: String, result: String) throws {
    for (command, input, expected) in [("apply", base, result), ("strip", result, base)] {
      let outcome = try run(command, input, patch)
      #expect(outcome.status == 0, "\(outcome.error)")
      #expect(try folder.bytes(of: "read") == folder.bytes(of: expected), "\(command)")
      try FileManager.default.removeItem(atPath: folder.path("read"))
    }
  }

  private func refuse(
    _ command: String, _ input: String, _ patch: String, because reason: String
  ) throws {
    let outcome = try run(command, input, patch)
    #expect(outcome.status == 1)
    #expect(
      outcome.error.hasPrefix("refused: ") && outcome.error.contains(reason), "\(outcome.error)")
    #expect(try !folder.names().contains("read"))
  }

  private func run(_ command: String, _ input: String, _ patch: String) throws -> Program.Outcome {
    let reader = Fixtures.repository("Tests/reader/gradiend_patch_reader.py")
    return try python.run("-B", reader, command, input, patch, "read")
  }

  private static func file(_ type: String, _ shape: [Int], _ bytes: [UInt8]) -> [UInt8] {
    var builder = SafetensorsBuilder()
    builder.add("tensor", type, shape, bytes)
    return builder.bytes
  }
}
