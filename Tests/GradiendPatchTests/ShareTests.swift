import ByteIO
import Checkpoints
import GradiendPatch
import PatchFormat
import TestSupport
import Testing

@testable import PatchEngine

/// Patches that are made in shares and joined.
@Suite struct ShareTests {
  let bench: Workbench
  let model = RandomModel(seed: 5)

  init() throws {
    bench = try Workbench()
    try bench.writeFolder(model, to: "base", shards: 7)
    try bench.writeGradiend(for: model, to: "gradiend", seed: 3)
  }

  // MARK: The same bytes

  @Test(arguments: [1, 2, 3, 7, 9])
  func `a patch of a GRADIEND is the same whatever the number of shares`(count: Int) throws {
    try expectSame(creation(), shares: count)
  }

  @Test(arguments: [2, 7])
  func `so is that of several GRADIENDs`(count: Int) throws {
    try bench.writeGradiend(for: model, to: "other", seed: 4)
    var creation = creation()
    creation.summands.append(
      .init(gradiend: bench.path("other"), featureFactors: [0.5], learningRate: -0.25))
    try expectSame(creation, shares: count)
  }

  @Test(arguments: [1, 3, 8])
  func `so is a bounded one`(count: Int) throws {
    var creation = creation()
    creation.maxRelativeError = 0.1
    try expectSame(creation, shares: count)
  }

  @Test(arguments: [GradiendPart.decoderBias, .encoderWeight, .decoderSum])
  func `so is one of another part`(part: GradiendPart) throws {
    var creation = creation()
    creation.part = part
    creation.summands[0].featureFactors = []
    try expectSame(creation, shares: 3)
  }

  @Test(arguments: [1, 2, 3, 7])
  func `so is that of two finished models`(count: Int) throws {
    try bench.writeFolder(model.widelyChanged(from: 1), to: "result", shards: 7)
    try expectSame(comparison(), shares: count)
  }

  @Test(arguments: [2, 7], [false, true])
  func `so is that of two models with other headers`(count: Int, valuesOnly: Bool) throws {
    try bench.writeFolder(model.widelyChanged(from: 1), to: "result", shards: 7)
    let name = "result/model-00003-of-00007.safetensors"
    try bench.folder.write(withPadding(bench.bytes(name)), to: name)
    var comparison = comparison()
    comparison.valuesOnly = valuesOnly
    try expectSame(comparison, shares: count)
  }

  @Test func `so is that of two models whose tensors lie in other files`() throws {
    try bench.writeFolder(model.widelyChanged(from: 1), to: "result", shards: 2)
    try expectSame(comparison(), shares: 3)
  }

  @Test(arguments: [2, 3, 4])
  func `so is that of two split sets of GGUF files`(count: Int) throws {
    try writeSplitSet("old", change: 0)
    try writeSplitSet("new", change: 3)
    var comparison = comparison()
    comparison.base = bench.path("old-00001-of-00003.gguf")
    comparison.result = bench.path("new-00001-of-00003.gguf")
    try expectSame(comparison, shares: count)
  }

  @Test(arguments: [1, 2, 3])
  func `so is that of a split GGUF with a head in another file than the embedding`(
    count: Int
  ) throws {
    let pair = TiedGGUF()
    try pair.write(to: bench.folder)
    try bench.folder.remove("base/model.safetensors.index.json")
    var gradiend = GradiendBuilder(
      [
        .init("model.embed_tokens.weight", [40, 16]),
        .init("model.layers.0.self_attn.q_proj.weight", [16, 16]),
        .init("model.layers.0.mlp.down_proj.weight", [16, 16]),
      ], seed: 2)
    try gradiend.write(to: bench.folder, as: "names-of-hugging-face")
    var creation = creation()
    creation.base = bench.path("base/" + pair.names[0])
    creation.summands[0].gradiend = bench.path("names-of-hugging-face")
    let joined = try expectSame(creation, shares: count)
    #expect(joined.notes.count { $0.contains("is the same matrix as") } == 1)
  }

  @Test(arguments: [1, 2])
  func `so is that of a table of which a converter keeps some rows`(count: Int) throws {
    let pair = try #require(
      try ReferenceGGUF.families().first { $0.name == "roberta-bf16.dense.BF16" })
    var comparison = comparison()
    comparison.base = try #require(pair.sourceBase)
    comparison.result = try #require(pair.sourceResult)
    try expectSame(comparison, shares: count)
  }

  @Test func `a patch that changes nothing says so when it is joined, and no piece does`() throws {
    try bench.writeFolder(model, to: "result", shards: 7)
    let pieces = try pieces(comparison(), shares: 2)
    #expect(pieces.flatMap(\.notes).isEmpty)
    let note = "the patch changes nothing: both checkpoints hold the same values"
    #expect(try join(pieces.map(\.path)).notes == [note])
  }

  // MARK: What a share reads

  @Test(arguments: [2, 5])
  func `a share reads no tensors of files that are not its own`(count: Int) throws {
    let expected = try pieces(creation(), shares: count).map { try bench.folder.bytes(at: $0.path) }
    let checkpoint = try Checkpoint(path: bench.path("base"))
    for index in 1...count {
      let own = FileShare(try Share(index: index, count: count), of: checkpoint)
      let other = try Workbench()
      try other.writeFolder(model, to: "base", shards: 7)
      for (number, file) in checkpoint.files.enumerated() where !own.fileNumbers.contains(number) {
        let bytes = file.mapped.bytes.extracting(file.otherByteRanges[0]).array
        let rest = [UInt8](repeating: 0, count: file.mapped.byteCount - bytes.count)
        try other.folder.write(bytes + rest, to: "base/" + file.name)
      }
      var creation = creation()
      creation.base = other.path("base")
      creation.share = own.share
      creation.output = other.path("patch")
      let piece = try creation.run().path
      #expect(try bench.folder.bytes(at: piece) == expected[index - 1])
    }
  }

  @Test func `each piece of a GRADIEND is read by those who add it, or by one`() throws {
    // A configuration, and a vector of 32 MiB of four bytes an entry: pieces 1 to 4.
    let parts: [(Int, Int?)] = [(900, nil), (32 << 20, 4)]
    let border = 2 << 20
    let (first, second) = (0..<1, border - 1..<border + 1)
    let numbers = try [[first], [second], []].enumerated().map { index, entries in
      GradiendDigest.numbers(
        of: try Share(index: index + 1, count: 3), entries: entries, among: [first, second], parts)
    }
    #expect(numbers == [[0, 1, 3], [0, 1, 2, 4], [0]])
  }

  // MARK: What is refused

  @Test func `there is no piece of a patch that could not have its name`() throws {
    try bench.writeFolder(model.widelyChanged(from: 1), to: "result", shards: 7)
    let before = try bench.folder.names()
    for output in ["base/", "new/", "base", "base/model-00001-of-00007.safetensors"] {
      var (creation, comparison) = (creation(), comparison())
      (creation.output, comparison.output) = (bench.path(output), bench.path(output))
      creation.share = try Share(index: 1, count: 2)
      comparison.share = creation.share
      let errors = [
        try bench.refusal(.cannotCreate) { () throws(PatchError) in _ = try creation.run() },
        try bench.refusal(.cannotCreate) { () throws(PatchError) in _ = try comparison.run() },
      ]
      #expect(errors.map(\.path) == Array(repeating: bench.path(output), count: 2))
    }
    #expect(try bench.folder.names() == before)
  }

  @Test func `a missing piece is named`() throws {
    let paths = try pieces(creation(), shares: 5).map(\.path)
    let error = try refusal([paths[0], paths[1], paths[4]])
    #expect(error.message == "of 5 shares, the pieces of these are missing: 3, 4")
  }

  @Test func `a piece that is there twice is named`() throws {
    let paths = try pieces(creation(), shares: 3).map(\.path)
    try bench.folder.write(bench.folder.bytes(at: paths[1]), to: "copy")
    let error = try refusal(paths + [bench.path("copy")])
    #expect(error.path == bench.path("copy"))
    #expect(error.message == "this is the piece of share 2, as \(paths[1]) is")
  }

  @Test func `a damaged piece is named, whichever byte is wrong`() throws {
    let paths = try pieces(creation(), shares: 2).map(\.path)
    let bytes = try bench.folder.bytes(at: paths[1])
    for position in stride(from: 0, to: bytes.count, by: 7) {
      var damaged = bytes
      damaged[position] ^= 0x20
      try bench.folder.write(damaged, to: "damaged")
      let error = try refusal([paths[0], bench.path("damaged")])
      // One that says that it is of another share leaves this one missing.
      #expect(
        error.path == bench.path("damaged") || error.message.contains("are missing"), "\(error)")
    }
    for length in [0, 7, 100, bytes.count - 1] {
      try bench.folder.write(bytes.prefix(length), to: "damaged")
      #expect(try refusal([paths[0], bench.path("damaged")]).path == bench.path("damaged"))
    }
  }

  @Test func `a piece of another run is named, with what differs`() throws {
    let paths = try pieces(creation(), shares: 2).map(\.path)
    func expect(
      _ differing: String, in name: String, _ change: (inout Create) throws -> Void
    ) throws {
      var creation = creation()
      try change(&creation)
      creation.output = bench.path(name)
      creation.share = try Share(index: 2, count: creation.share?.count ?? 2)
      let path = try creation.run().path
      let error = try refusal([paths[0], path])
      #expect(error.path == path)
      #expect(error.message.contains("is of another run than \(paths[0])"))
      #expect(error.message.contains(differing), "\(error)")
    }
    try expect("its 'learning_rate' is '0.02', that of the other '0.01'", in: "rate") {
      $0.summands[0].learningRate = 0.02
    }
    try expect("its 'max_relative_error' is '0.1', that of the other not there", in: "bounded") {
      $0.maxRelativeError = 0.1
    }
    try expect("it is one of 3, not of 2", in: "three") { $0.share = try Share(index: 2, count: 3) }
    let three = try refusal([paths[0], bench.path("three.piece-2-of-3")])
    #expect(three.remedy == "leave out the pieces of 2, or those of 3")
    try expect("its 'base_headers' is", in: "headers") {
      try bench.writeFolder(model, to: "other", shards: 7)
      try bench.folder.write(#"{"model_type":"other"}"#, to: "other/config.json")
      $0.base = bench.path("other")
    }
    try expect("the bytes of GRADIEND 1 were others", in: "values") {
      try bench.writeGradiend(for: model, to: "other-gradiend", seed: 3)
      let name = "other-gradiend/model.safetensors"
      var bytes = try bench.bytes(name)
      bytes[bytes.count - 1] ^= 1
      try bench.folder.write(bytes, to: name)
      $0.summands[0].gradiend = bench.path("other-gradiend")
    }
  }

  @Test(arguments: [(0, 0), (1, 0), (3, 2), (0, 2), (Int.max, Int.max), (1, 90_000)])
  func
    `a piece that claims a share that cannot be is refused, and none takes memory by its numbers`(
      number: Int, count: Int
    ) throws
  {
    let file = try ShareFile(path: pieces(creation(), shares: 1)[0].path)
    let header = ShareHeader(.piece, number: number, of: count, agreed: file.header.agreed)
    var writer = try PatchWriter(path: bench.path("forged"), overwrites: false, of: header)
    try writer.append(file.file.bytes.extracting(file.deltasByteRange))
    _ = try writer.finish(header, table: file.table)
    let message = try refusal([bench.path("forged")]).message
    #expect(message.contains(count == 90_000 ? "are missing" : "the piece is of share"))
  }

  @Test func `a piece of a file that no model has is refused`() throws {
    let file = try ShareFile(path: pieces(creation(), shares: 1)[0].path)
    var writer = try PatchWriter(path: bench.path("forged"), overwrites: false, of: file.header)
    try writer.append(file.file.bytes.extracting(file.deltasByteRange))
    // Behind how many files there are, the number of the first.
    var table = Array(file.table[..<1])
    table.appendVariableLength(.max)
    table += file.table[2...]
    _ = try writer.finish(file.header, table: table)
    #expect(
      try refusal([bench.path("forged")]).message.contains("there is no file 9223372036854775807"))
  }

  @Test func `the same GRADIEND twice is found when the pieces are joined`() throws {
    var creation = creation()
    creation.summands.append(creation.summands[0])
    let paths = try pieces(creation, shares: 2).map(\.path)
    #expect(try refusal(paths, .usage).message.contains("GRADIEND 2 is the same as GRADIEND 1"))
  }

  @Test func `a piece is no patch and no model, and the error says what it is`() throws {
    let path = try pieces(creation(), shares: 2)[0].path
    let error = try bench.refusal(.badInput) { () throws(PatchError) in
      _ = try Apply(base: bench.path("base"), patch: path, to: .files(bench.path("out"))).run()
    }
    #expect(error.message.contains("this is a piece of a patch, of one share of the work"))
    let inspected = try #require(throws: PatchError.self) { try Inspect(path: path).run() }
    #expect(inspected.message.contains("this is a piece of a patch"))
  }

  @Test(arguments: [(0, 1), (2, 1), (1, 0), (-1, 3), (1, 100_001)])
  func `there is no share outside its range`(index: Int, count: Int) throws {
    let error = try #require(throws: PatchError.self) { try Share(index: index, count: count) }
    #expect(error.kind == .usage)
  }

  // MARK: Dealing out

  @Test func `files are dealt out by their lengths, the longest first`() {
    #expect(FileShare.dealt([5, 9, 5, 1, 4], to: 2) == [[1, 4], [0, 2, 3]])
    #expect(FileShare.dealt([3, 3, 3, 3], to: 3) == [[0, 3], [1], [2]])
    #expect(FileShare.dealt([3], to: 3) == [[0], [], []])
    #expect(FileShare.dealt([0, 0, 0], to: 2) == [[0, 1, 2], []])
  }

  // MARK: Helpers

  private func creation() -> Create {
    Create(
      base: bench.path("base"), gradiend: bench.path("gradiend"), output: bench.path("patch"),
      featureFactors: [-1], learningRate: 0.01)
  }

  private func comparison() -> Diff {
    Diff(base: bench.path("base"), result: bench.path("result"), output: bench.path("patch"))
  }

  private func withPadding(_ file: [UInt8]) -> [UInt8] {
    let count = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let length = withUnsafeBytes(of: UInt64(count + 16).littleEndian) { Array($0) }
    return length + file[8..<8 + count] + Array(repeating: UInt8(ascii: " "), count: 16)
      + file[(8 + count)...]
  }

  private func writeSplitSet(_ name: String, change: UInt8) throws {
    for (number, tensors) in [["a", "b"], ["c"], ["d", "e", "f"]].enumerated() {
      var builder = GGUFBuilder()
      builder.add("split.no", UInt16(number))
      builder.add("split.count", UInt16(3))
      builder.add("split.tensors.count", Int32(6))
      for (index, tensor) in tensors.enumerated() {
        var bytes = (0..<64 * (index + number + 1)).map { UInt8($0 % 251) }
        bytes[17] &+= change
        builder.tensors.append(.init(tensor, [Int64(bytes.count / 4)], type: 0, bytes))
      }
      try bench.folder.write(builder.bytes, to: "\(name)-0000\(number + 1)-of-00003.gguf")
    }
  }

  private func pieces(_ creation: Create, shares count: Int) throws -> [PatchSummary] {
    try (1...count).map { index in
      var creation = creation
      creation.share = try Share(index: index, count: count)
      return try creation.run()
    }
  }

  private func pieces(_ comparison: Diff, shares count: Int) throws -> [PatchSummary] {
    try (1...count).map { index in
      var comparison = comparison
      comparison.share = try Share(index: index, count: count)
      return try comparison.run()
    }
  }

  private func join(_ paths: [String]) throws -> PatchSummary {
    try Join(pieces: paths, output: bench.path("joined")).run()
  }

  private func refusal(
    _ paths: [String], _ kind: PatchError.Kind = .badInput
  ) throws -> PatchError {
    try bench.refusal(kind) { () throws(PatchError) in
      _ = try Join(pieces: paths, output: bench.path("joined")).run()
    }
  }

  @discardableResult
  private func expectSame(_ creation: Create, shares count: Int) throws -> PatchSummary {
    try expectSame(try creation.run(), pieces(creation, shares: count))
  }

  private func expectSame(_ comparison: Diff, shares count: Int) throws {
    try expectSame(try comparison.run(), pieces(comparison, shares: count))
  }

  @discardableResult
  private func expectSame(
    _ whole: PatchSummary, _ pieces: [PatchSummary]
  ) throws -> PatchSummary {
    let joined = try join(pieces.map(\.path).shuffled())
    #expect(try bench.bytes("joined") == bench.folder.bytes(at: whole.path))
    #expect(joined.notes == whole.notes)
    #expect(
      "\(joined)".replacing(joined.path, with: "") == "\(whole)".replacing(whole.path, with: ""))
    return joined
  }
}
