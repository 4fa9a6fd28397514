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
      let base = Self.file(shape, bytes)
      bytes[0] = 2
      bytes[count - 1] = 3
      try checkReader(base, Self.file(shape, bytes))
    }
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

  // MARK: Files that differ in more than their tensors

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
      #expect(outcome.status != 0, "byte \(position)")
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
    #expect(outcome.error.hasPrefix("refused: ") && outcome.error.contains(reason))
    #expect(try !folder.names().contains("read"))
  }

  private func run(_ command: String, _ input: String, _ patch: String) throws -> Program.Outcome {
    let reader = Fixtures.repository("Tests/reader/gradiend_patch_reader.py")
    return try python.run("-B", reader, command, input, patch, "read")
  }

  private static func file(_ shape: [Int], _ bytes: [UInt8]) -> [UInt8] {
    var builder = SafetensorsBuilder()
    builder.add("long", "U8", shape, bytes)
    return builder.bytes
  }
}
