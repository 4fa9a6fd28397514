import ByteIO
import Checkpoints
import DeltaCoding
import Foundation
import GradiendPatch
import PatchFormat
import PatchTestSupport
import TestSupport
import Testing

@testable import PatchEngine

/// Models that are applied, stripped and verified in shares.
@Suite struct SharedOutputTests {
  let bench: Workbench
  let model = RandomModel(seed: 6)

  init() throws {
    bench = try Workbench()
    try bench.writeFolder(model, to: "base", shards: 7)
    try bench.writeFolder(model.widelyChanged(from: 2), to: "result", shards: 7)
    try bench.folder.write("words", to: "base/sub/vocabulary.txt")
    try bench.folder.write("words", to: "result/sub/vocabulary.txt")
    try bench.diff("base", "result", to: "patch")
  }

  // MARK: The same folders

  @Test(arguments: [1, 2, 3, 7, 9], [Direction.apply, .strip])
  func `a model in shares is the one of one process`(count: Int, direction: Direction) throws {
    let (from, to) = direction == .apply ? ("base", "result") : ("result", "base")
    for index in (1...count).reversed() {
      let summary = try run(direction, from, ["patch"], (index, count))
      #expect(summary.share?.index == index && summary.path == bench.path("out.shares"))
    }
    let whole = try finish(direction, from, ["patch"])
    try expectSame("out", to)
    try expectSummary(whole, direction, from, ["patch"])
  }

  @Test(arguments: [Direction.apply, .strip])
  func `so is one of several patches`(direction: Direction) throws {
    try bench.writeFolder(model.widelyChanged(from: 40), to: "next", shards: 7)
    try bench.diff("result", "next", to: "second")
    let (from, to) = direction == .apply ? ("base", "next") : ("next", "base")
    for index in 1...3 { try run(direction, from, ["patch", "second"], (index, 3)) }
    let whole = try finish(direction, from, ["patch", "second"])
    for name in try Checkpoint(path: bench.path(to)).files.map(\.name) {
      #expect(try bench.bytes("out/" + name) == bench.bytes("\(to)/\(name)"))
    }
    try expectSummary(whole, direction, from, ["patch", "second"])
  }

  @Test(arguments: [false, true])
  func `so is one whose files get other headers`(checksSHA256: Bool) throws {
    try bench.writeFolder(model.widelyChanged(from: 2), to: "padded", shards: 7)
    let name = "padded/model-00003-of-00007.safetensors"
    let bytes = try bench.bytes(name)
    let count = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    try bench.folder.write(
      SafetensorsBuilder.littleEndian([UInt64(count + 8)]) + bytes[8..<8 + count]
        + Array(repeating: UInt8(ascii: " "), count: 8) + bytes[(8 + count)...], to: name)
    try bench.folder.write("words", to: "padded/sub/vocabulary.txt")
    try bench.diff("base", "padded", to: "other-headers")
    for index in 1...2 {
      try run(.apply, "base", ["other-headers"], (index, 2), sha256: checksSHA256)
    }
    try finish(.apply, "base", ["other-headers"], sha256: checksSHA256)
    try expectSame("out", "padded")
  }

  @Test(arguments: [2, 3])
  func `so is a split set of GGUF files`(count: Int) throws {
    let pair = try writeSets()
    let first = pair.names[0]
    try bench.diff("base.set/" + first, "result.set/" + first, to: "set-patch")
    let output = "out" + first.dropFirst(first.count - "-00001-of-00002.gguf".count)
    func patching(_ destination: ModelDestination) -> Apply {
      Apply(
        base: bench.path("base.set/" + first), patch: bench.path("set-patch"), to: destination)
    }
    for index in 1...count {
      _ = try patching(.share(Share(index: index, count: count), of: bench.path(output))).run()
    }
    #expect(try bench.folder.names().filter { $0.hasPrefix("out-") } == [output + ".shares"])
    _ = try patching(.finishing(bench.path(output))).run()
    for (number, name) in pair.names.enumerated() {
      #expect(
        try bench.bytes("out-0000\(number + 1)-of-00002.gguf") == bench.bytes("result.set/" + name))
    }
    #expect(try bench.folder.names().filter { $0.hasPrefix("out-") }.count == 2)
  }

  @Test func `a single file is one share, and the others write nothing`() throws {
    try bench.write(model, to: "old")
    try bench.write(model.widelyChanged(from: 2), to: "new")
    try bench.diff("old", "new", to: "file-patch")
    let note = "there is 1 weight file, so 2 of 3 shares have nothing to do: a file is not divided"
    for index in 1...3 {
      #expect(try run(.apply, "old", ["file-patch"], (index, 3)).notes == [note])
    }
    try finish(.apply, "old", ["file-patch"])
    #expect(try bench.bytes("out") == bench.bytes("new"))
  }

  @Test func `a tensor that is stored in several files refuses shares`() throws {
    let pair = try writeSets()
    try bench.diff("base.hf", "result.hf", to: "hf-patch")
    let error = try bench.refusal(.usage) { () throws(PatchError) in
      _ = try Apply(
        base: bench.path("base.set/" + pair.names[0]), patch: bench.path("hf-patch"),
        to: .share(Share(index: 1, count: 2), of: bench.path("out-00001-of-00002.gguf"))
      ).run()
    }
    #expect(error.message.contains("is in several of these files"))
  }

  // MARK: Until all are there

  @Test func `until it is finished, nothing there is a model`() throws {
    for index in 1...3 { try run(.apply, "base", ["patch"], (index, 3)) }
    #expect(!FileManager.default.fileExists(atPath: bench.path("out")))
    let names = try FileManager.default.contentsOfDirectory(atPath: bench.path("out.shares"))
    #expect(names.count == 10)
    for ending in [".safetensors", ".gguf", ".bin", ".json"] {
      #expect(!names.contains { $0.hasSuffix(ending) })
    }
    #expect(throws: (any Error).self) { try Checkpoint(path: bench.path("out.shares")) }
  }

  @Test func `a share can be run again, as long as nobody finished`() throws {
    for index in [1, 2, 2, 3, 1] { try run(.apply, "base", ["patch"], (index, 3)) }
    // As if one was killed before its receipt, and one within a file.
    try bench.folder.remove("out.shares/receipt-2-of-3")
    try bench.folder.write("half", to: "out.shares/.model.partial")
    #expect(
      try refusal { try finish(.apply, "base", ["patch"]) }.message
        == "of 3 shares, the receipts of these are missing: 2")
    try run(.apply, "base", ["patch"], (2, 3))
    try finish(.apply, "base", ["patch"])
    try expectSame("out", "result")
    #expect(try bench.folder.names().contains("out.shares"), "what is not of the shares stays")
  }

  @Test func `two that do the same share at once both end well`() async throws {
    for index in [1, 3] { try run(.apply, "base", ["patch"], (index, 3)) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<4 { group.addTask { _ = try run(.apply, "base", ["patch"], (2, 3)) } }
      try await group.waitForAll()
    }
    try finish(.apply, "base", ["patch"])
    try expectSame("out", "result")
  }

  @Test func `a file that is missing or short is named with its share`() throws {
    for index in 1...3 { try run(.apply, "base", ["patch"], (index, 3)) }
    let names = try FileManager.default.contentsOfDirectory(atPath: bench.path("out.shares"))
    let name = try #require(names.sorted().first { $0.hasPrefix("model-00004") })
    let bytes = try bench.bytes("out.shares/" + name)
    try bench.folder.write(bytes.dropLast(), to: "out.shares/" + name)
    let short = try refusal { try finish(.apply, "base", ["patch"]) }
    #expect(short.message == "the file has \(bytes.count - 1) bytes, not \(bytes.count)")
    #expect(short.remedy?.hasPrefix("run share ") ?? false)
    try bench.folder.remove("out.shares/" + name)
    #expect(
      try refusal { try finish(.apply, "base", ["patch"]) }.message == "the file is not there")
  }

  @Test func `shares of another run are never taken for those of this one`() throws {
    try bench.writeFolder(model.widelyChanged(from: 40), to: "other", shards: 7)
    try bench.diff("base", "other", to: "other-patch")
    for index in 1...3 { try run(.apply, "base", ["patch"], (index, 3)) }
    try run(.apply, "base", ["other-patch"], (2, 3))
    let error = try refusal { try finish(.apply, "base", ["patch"]) }
    #expect(error.path == bench.path("out.shares/receipt-2-of-3"))
    #expect(
      error.message.contains("this share was run with other inputs or options: its 'patches'"))
    // Its files are there still.
    try run(.apply, "base", ["patch"], (2, 3))
    try finish(.apply, "base", ["patch"])
    try expectSame("out", "result")
  }

  @Test func `shares of another number are named`() throws {
    for index in 1...3 { try run(.apply, "base", ["patch"], (index, 3)) }
    try run(.apply, "base", ["patch"], (1, 2))
    let error = try refusal { try finish(.apply, "base", ["patch"]) }
    #expect(error.message.contains("it is one of 3, not of 2"))
    #expect(error.remedy == "remove the receipts of 2, or those of 3")
    try bench.folder.remove("out.shares/receipt-1-of-2")
    try finish(.apply, "base", ["patch"])
    try expectSame("out", "result")
  }

  @Test func `a receipt that is damaged anywhere is named`() throws {
    for index in 1...2 { try run(.apply, "base", ["patch"], (index, 2)) }
    let name = "out.shares/receipt-2-of-2"
    let bytes = try bench.bytes(name)
    for position in stride(from: 0, to: bytes.count, by: 11) {
      var damaged = bytes
      damaged[position] ^= 0x20
      try bench.folder.write(damaged, to: name)
      #expect(try refusal { try finish(.apply, "base", ["patch"]) }.path == bench.path(name))
    }
  }

  @Test func `the wrong model is refused by the share that reads it`() throws {
    let error = try #require(throws: PatchError.self) {
      try run(.apply, "result", ["patch"], (1, 2))
    }
    #expect(error.kind == .mismatch)
    let receipts = try FileManager.default.contentsOfDirectory(atPath: bench.path("out.shares"))
    #expect(receipts.isEmpty)
  }

  @Test func `digests of all tensors are compared in the end`() throws {
    // As if a share had read another base, with the same digests of 32 bits.
    for index in 1...2 { try run(.apply, "base", ["patch"], (index, 2)) }
    let path = bench.path("out.shares/receipt-1-of-2")
    let file = try ShareFile(path: path)
    var receipt = try ShareReceipt(parsing: file.table.rawSpan)
    let digest = receipt.tensors[0].digests[0]
    receipt.tensors[0].digests[0] = Digest128(high: digest.high ^ 1, low: digest.low)
    let writer = try PatchWriter(path: path, overwrites: true, of: file.header)
    _ = try writer.finish(file.header, table: receipt.encoded)
    #expect(
      try refusal(.mismatch) { try finish(.apply, "base", ["patch"]) }.message.contains("differ"))
  }

  @Test func `an output that exists is refused before any work, and replaced with force`() throws {
    try bench.folder.write("{}", to: "out/config.json")
    #expect(try refusal(.outputExists) { try run(.apply, "base", ["patch"], (1, 2)) }.path != nil)
    for index in 1...2 { try run(.apply, "base", ["patch"], (index, 2), force: true) }
    #expect(try refusal(.outputExists) { try finish(.apply, "base", ["patch"]) }.path != nil)
    try finish(.apply, "base", ["patch"], force: true)
    try expectSame("out", "result")
    try bench.folder.write("mine", to: "out/notes.txt")
    #expect(
      try refusal(.cannotCreate) { try run(.apply, "base", ["patch"], (1, 2), force: true) }
        .message.contains("notes.txt"))
  }

  @Test func `without a share there is nothing to finish`() throws {
    let error = try refusal(.cannotOpen) { try finish(.apply, "base", ["patch"]) }
    #expect(error.message.contains("no share of this output is here"))
  }

  // MARK: What a share reads

  @Test func `a share applies and verifies without the tensors of other files`() throws {
    let checkpoint = try Checkpoint(path: bench.path("base"))
    let own = FileShare(try Share(index: 2, count: 3), of: checkpoint)
    for (number, file) in checkpoint.files.enumerated() where !own.fileNumbers.contains(number) {
      let bytes = file.mapped.bytes.extracting(file.otherByteRanges[0]).array
      let rest = [UInt8](repeating: 0, count: file.mapped.byteCount - bytes.count)
      try bench.folder.write(bytes + rest, to: "base/" + file.name)
    }
    try run(.apply, "base", ["patch"], (2, 3))
    for number in own.fileNumbers {
      let name = checkpoint.files[number].name
      let names = try FileManager.default.contentsOfDirectory(atPath: bench.path("out.shares"))
      let written = try #require(names.first { $0.hasPrefix(name) })
      #expect(try bench.bytes("out.shares/" + written) == bench.bytes("result/" + name))
    }
    #expect(try verdict("base", 2, 3).role == .base)
    #expect(try verdict("base", 1, 3).role == nil)
  }

  @Test(arguments: [1, 2, 7, 8])
  func `shares of a model are verified one by one`(count: Int) throws {
    var tensorCount = 0
    for index in 1...count {
      let verdict = try verdict("result", index, count)
      #expect(verdict.differingFromResult.isEmpty)
      // The eighth of seven files has nothing that could be said.
      #expect(verdict.isEmpty == (index > 7))
      #expect(verdict.hasPublishedFiles != verdict.isEmpty)
      #expect((verdict.role == nil) == verdict.isEmpty)
      tensorCount += verdict.tensorCount
    }
    #expect(tensorCount == model.tensors.count)
  }

  // MARK: Helpers

  /// Writes `base.set` and `result.set`, and what they were converted from.
  private func writeSets() throws -> TiedGGUF {
    let pair = TiedGGUF(scale: 2)
    let folder = try TemporaryDirectory()
    try pair.write(to: folder)
    for name in ["base", "result"] {
      for (from, to) in [(name, name + ".set"), (name + ".hf", name + ".hf")] {
        try FileManager.default.copyItem(atPath: folder.path(from), toPath: bench.path(to))
      }
    }
    return pair
  }

  private func operation(
    _ direction: Direction, _ input: String, _ patches: [String], _ destination: ModelDestination,
    sha256: Bool
  ) throws(PatchError) -> ModelSummary {
    switch direction {
    case .apply:
      var apply = Apply(
        base: bench.path(input), patches: patches.map(bench.path), to: destination)
      apply.checksSHA256 = sha256
      return try apply.run()
    case .strip:
      var strip = Strip(
        result: bench.path(input), patches: patches.map(bench.path), to: destination)
      strip.checksSHA256 = sha256
      return try strip.run()
    }
  }

  @discardableResult
  private func run(
    _ direction: Direction, _ input: String, _ patches: [String], _ share: (Int, Int),
    force: Bool = false, sha256: Bool = false
  ) throws(PatchError) -> ModelSummary {
    try operation(
      direction, input, patches,
      .share(
        Share(index: share.0, count: share.1), of: bench.path("out"), overwriting: force),
      sha256: sha256)
  }

  @discardableResult
  private func finish(
    _ direction: Direction, _ input: String, _ patches: [String], force: Bool = false,
    sha256: Bool = false
  ) throws(PatchError) -> ModelSummary {
    try operation(
      direction, input, patches, .finishing(bench.path("out"), overwriting: force), sha256: sha256)
  }

  private func verdict(_ name: String, _ index: Int, _ count: Int) throws -> Verify.Verdict {
    var verification = Verify(checkpoint: bench.path(name), patch: bench.path("patch"))
    verification.share = try Share(index: index, count: count)
    return try verification.run()
  }

  /// Runs `body`, which must fail with an error of this kind and leave the folder as it was.
  private func refusal(
    _ kind: PatchError.Kind = .badInput, _ body: () throws -> ModelSummary
  ) throws -> PatchError {
    let before = try bench.folder.tree()
    let error = try #require(throws: PatchError.self) { try body() }
    #expect(error.kind == kind, "\(error)")
    #expect(try bench.folder.tree() == before)
    return error
  }

  private func expectSame(_ name: String, _ other: String) throws {
    func tree(_ name: String) throws -> [String] {
      try FileManager.default.subpathsOfDirectory(atPath: bench.path(name)).sorted()
    }
    #expect(try tree(name) == tree(other))
    for path in try tree(name) where !path.hasSuffix("sub") {
      #expect(try bench.bytes("\(name)/\(path)") == bench.bytes("\(other)/\(path)"), "\(path)")
    }
  }

  private func expectSummary(
    _ whole: ModelSummary, _ direction: Direction, _ input: String, _ patches: [String]
  ) throws {
    let one = try operation(direction, input, patches, .files(bench.path("one")), sha256: false)
    let text = "\(one)".replacing(one.path, with: whole.path)
    #expect("\(whole)" == text)
    #expect(!FileManager.default.fileExists(atPath: bench.path("out.shares")))
  }
}
