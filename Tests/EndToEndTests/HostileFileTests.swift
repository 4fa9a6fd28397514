import Foundation
import TestSupport
import Testing

/// Patches and folders from people who mean harm.
@Suite struct HostileFileTests {
  let stage: Stage

  init() throws { stage = try Stage() }

  // MARK: Memory

  /// Sizes of a terabyte in a patch for the base of the stage.
  static let claims: [(what: String, patch: [UInt8])] = [
    ("the header", SafetensorsBuilder.littleEndian([tera]) + Array("{}".utf8)),
    ("the index", PatchForge().file(index: IndexTable.index(frame: frame))),
    ("a tensor's name", forged { $0.table.nameLengths = varint + [3] }),
    ("a tensor's rank", forged { $0.table.ranks = varint + [0] }),
    ("a tensor", forged(dimension: varint) { _ in }),
    ("the tensors' count", forged { $0.table.count = varint }),
    ("a chunk", forged { $0.deltas = varint + [0] }),
    ("a chunk's planes", forged { $0.deltas = chunk([0] + frame) }),
    ("the changes of a chunk", forged { $0.deltas = chunk([1, 0xFF] + varint + [0, 0, 0, 0]) }),
    ("a stream of a chunk", forged { $0.deltas = chunk([1, 0xFF, 1, 0, 0, 0, 0] + varint) }),
    ("a layout", forged { $0.layout = (frame, layout) }),
    ("the tokens of a chunk", forged { $0.deltas = chunk([2, 0, 0, 0, 0] + varint + [0, 0]) }),
  ]

  @Test(
    .disabled(if: Sanitizer.isActive, "sanitizers take address space without end"),
    arguments: claims.indices)
  func `a small patch that claims a terabyte is refused with the memory that any patch takes`(
    index: Int
  ) throws {
    let (what, patch) = Self.claims[index]
    try #require(patch.count < 2048)
    try stage.folder.write(patch, to: "forged")
    // What verify and inspect need not read is no fault to them.
    for (command, expected) in [
      ("apply base.safetensors patch -o sound", [0]),
      ("apply base.safetensors forged -o out", what == "a tensor" ? [1] : [65]),
      ("strip base.safetensors forged -o out", [1, 65]),
      ("verify base.safetensors forged", [0, 1, 65]), ("inspect forged", [0, 65]),
    ] as [(String, [Int32])] {
      let outcome = try run(command + " --threads 1", kilobytes: 256 << 10)
      #expect(expected.contains(outcome.status ?? -1), "\(what): \(command): \(outcome)")
      if what == "a layout", expected == [65] {
        #expect(outcome.error.contains("a layout claims to be larger than"), "\(outcome.error)")
      }
    }
    #expect(try !stage.folder.names().contains("out"))
  }

  @Test(.disabled(if: Sanitizer.isActive, "a sanitizer takes address space of its own"))
  func `memory does not grow with the number of latents but for the weights themselves`() throws {
    let latentCount = 500_000
    var builder = GradiendBuilder([.init("norm.weight", [3])], latentCount: latentCount)
    try builder.write(to: stage.folder, as: "wide")
    let outcome = try run(
      "create base.safetensors wide -o out --part decoder-sum --learning-rate 1 --threads 1",
      kilobytes: 256 << 10)
    #expect(outcome.status == 0, "\(outcome)")
  }

  /// JSON that has many times its length in memory, or would if it were all there at once.
  static let documents: [(what: String, name: String, text: String)] = {
    let objects = #"{"x":["# + Array(repeating: "{}", count: 8 << 20).joined(separator: ",") + "]}"
    let member = #""x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#
    let tensors = (0..<1_100_000).lazy.map {
      #""\#($0)":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#
    }
    return [
      ("a header", "model.safetensors", objects),
      ("tensors without elements", "model.safetensors", "{" + tensors.joined(separator: ",") + "}"),
      ("tensors of one name", "model.safetensors", "{" + member + "," + member + "}"),
      ("an index", "model.safetensors.index.json", objects),
      ("a GRADIEND", "config.json", objects.replacing(#""x""#, with: #""architecture""#)),
    ]
  }()

  @Test(
    .disabled(if: Sanitizer.isActive, "sanitizers take address space without end"),
    arguments: documents.indices)
  func `JSON that would take much memory is refused before it does`(index: Int) throws {
    let (what, name, text) = Self.documents[index]
    let bytes = name.hasSuffix(".json") ? Array(text.utf8) : SafetensorsBuilder.file(header: text)
    try stage.folder.write(bytes, to: "evil/" + name)
    let outcome = try run("inspect evil", kilobytes: 640 << 10)
    #expect(outcome.status == 65, "\(what): \(outcome)")
  }

  /// Runs the program with so much address space.
  private func run(_ words: String, kilobytes: Int) throws -> Program.Outcome {
    try Program(folder: stage.folder.path, executable: "/bin/sh")
      .run("-c", "ulimit -v \(kilobytes); exec \(Program.path) \(words)")
  }

  private static let tera: UInt64 = 1 << 40
  private static let varint: [UInt8] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x20]
  /// The start of a zstd frame whose contents take a terabyte.
  private static let frame: [UInt8] =
    [0x28, 0xB5, 0x2F, 0xFD, 0xE0] + SafetensorsBuilder.littleEndian([tera]) + [1, 0, 0]

  /// The stored form of the layout of the stage's base: its length, that of its header, its header.
  private static let layout: [UInt8] = {
    let file = Stage.model(Stage.base)
    let header = file.dropLast(bytes(Stage.base).count + bytes(Stage.norm).count + Stage.ids.count)
    return SafetensorsBuilder.littleEndian([UInt64(file.count), UInt64(header.count)]) + header
  }()

  private static func chunk(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count)] + bytes }

  private static func bytes(_ floats: [Float]) -> [UInt8] {
    SafetensorsBuilder.littleEndian(floats.map(\.bitPattern))
  }

  /// A patch for the base of the stage, that changes `up.weight`.
  private static func forged(
    dimension: [UInt8] = [2], _ edit: (inout PatchForge) -> Void
  ) -> [UInt8] {
    var forge = PatchForge()
    forge.table.count = [3]
    forge.table.nameLengths = [9, 11, 3]
    forge.table.names = Array("up.weightnorm.weightids".utf8)
    // F32, F32 and I64.
    forge.table.types = [17, 17, 20]
    forge.table.ranks = [2, 1, 1]
    forge.table.dimensions = dimension + [4, 3, 2]
    let tensors: [PatchForge.Tensor] = [
      ("up.weight", 17, [2, 4], bytes(Stage.base)), ("norm.weight", 17, [3], bytes(Stage.norm)),
      ("ids", 20, [2], Stage.ids),
    ]
    forge.table.baseDigests = PatchForge.tableDigests(tensors)
    forge["base_digest"] = PatchForge.digest(tensors)
    forge.table.changed = [7, 0, 0]
    edit(&forge)
    forge.table.byteCounts = [UInt8(forge.deltas.count)]
    let elementCount = dimension == [2] ? 13 : 4 << 40 + 5
    (forge["tensors"], forge["elements"]) = ("3", "\(elementCount)")
    return forge.bytes
  }

  // MARK: Terminals

  @Test func `what could steer a terminal is made visible`() throws {
    let escape = "\u{1B}]0;owned\u{7}\u{9B}31m\u{202E}\n"
    var builder = SafetensorsBuilder()
    builder.add(metadata: [("about", #"\u001b[2Jall is well\nfile  bytes"#)])
    builder.add(#"\u001b]0;owned\u0007\u009b31m\u202e\n"#, "U8", [1], [1])
    try stage.folder.write(builder.bytes, to: "evil.safetensors")
    try stage.folder.write(builder.bytes, to: "model/model.safetensors")
    let name = "\u{1B}[2J.safetensors"
    try stage.folder.write(builder.bytes, to: name)
    #expect(try stage.run("diff", name, "model", "-o", "evil").status == 0)
    for words in [
      ["inspect", "evil.safetensors"], ["inspect", "evil"],
      ["verify", "base.safetensors", "evil"], ["apply", "evil.safetensors", "patch", "-o", "out"],
      ["apply", "base.safetensors", "evil", "-o", "out"],
    ] {
      let outcome = try stage.program.run(words)
      let printed = (outcome.output + outcome.error).unicodeScalars
      #expect(printed.contains("\\"), "\(words)")
      #expect(!printed.contains { escape.unicodeScalars.dropLast().contains($0) && $0.value < 32 })
      #expect(!printed.contains { [0x7F, 0x9B, 0x202E].contains($0.value) })
    }
    let report = try stage.run("inspect", "evil.safetensors").output
    #expect(report.contains("\\u{1B}]0;owned\\u{7}\\u{9B}31m\\u{202E}\\u{A}  U8"))
    #expect(report.contains("about: \\u{1B}[2Jall is well\n  file  bytes\n"))
  }

  @Test func `a line feed in a name makes no line of its own in any message`() throws {
    let name = "x\ngradiend-patch: verified: all is well\n"
    var builder = SafetensorsBuilder()
    builder.add(name.replacing("\n", with: #"\n"#), "U8", [1], [1])
    try stage.folder.write(builder.bytes, to: "evil.safetensors")
    try stage.folder.write(builder.bytes.dropLast() + [2], to: "other.safetensors")
    try stage.folder.write(
      #"{"weight_map":{"x":"x\ngradiend-patch: verified: all is well\n"}}"#,
      to: "shards/model.safetensors.index.json")
    var gradiend = GradiendBuilder([.init(name.replacing("\n", with: #"\n"#), [2, 4])])
    try gradiend.write(to: stage.folder, as: "named")
    #expect(
      try stage.run("diff", "evil.safetensors", "other.safetensors", "-o", "evil").status == 0)
    for words in [
      ["apply", "evil.safetensors", "patch", "-o", "out"],
      ["verify", "other.safetensors", "patch"], ["inspect", "shards"],
      ["apply", "shards", "patch", "--in-place"],
      [
        "create", "base.safetensors", "named", "--feature-factor", "1", "--learning-rate", "1",
        "-o",
        "out",
      ],
    ] {
      let outcome = try stage.program.run(words)
      #expect(outcome.status != 0)
      #expect(
        outcome.error.contains("\\u{A}gradiend-patch: verified"), "\(words): \(outcome.error)")
      #expect(!outcome.error.contains("\ngradiend-patch: verified"), "\(words): \(outcome.error)")
    }
  }

  @Test func `files whose names hold line feeds are known by their SHA-256`() throws {
    let name = "a\nb\\c.safetensors"
    try stage.folder.write(stage.folder.bytes(of: "base.safetensors"), to: name)
    #expect(try stage.run("diff", name, "result.safetensors", "-o", "named").status == 0)
    let lines = try Program(folder: stage.folder.path, executable: "sha256sum").run(name).output
    let verdict = try stage.run("verify", name, "named", "--sha256", "--json")
    #expect(verdict.status == 0, "\(verdict)")
    struct Verdict: Decodable { let sha256: String }
    let found = try JSONDecoder().decode(Verdict.self, from: Data(verdict.output.utf8)).sha256
    #expect(found + "\n" == lines)
    // The same bytes under a name that people chose.
    #expect(try stage.run("verify", "base.safetensors", "named", "--sha256").status == 0)
  }

  // MARK: Folders

  @Test func `a folder's odd names come along as names, and its links as what they lead to`() throws
  {
    let names = ["-rf", "a b\tc", "\u{301}x", "sub/-o", "sub/\u{301}x", "$(touch owned)"]
    for name in names { try stage.folder.write(name, to: "base/" + name) }
    try stage.folder.write("outside", to: "elsewhere/file")
    for (name, target) in [
      ("to-file", "../elsewhere/file"), ("to-folder", "../elsewhere"), ("to-nothing", "../none"),
      ("to-itself", "."), ("loop", "loop"),
    ] {
      try link(target, "base/" + name)
    }
    try #require(mkfifo(stage.folder.path("base/pipe"), 0o600) == 0)
    let outcome = try stage.run("apply", "base", "patch", "-o", "out")
    #expect(outcome.status == 0, "\(outcome.error)")
    // By bytes, as a slash and a combining mark are one character.
    let made = try stage.folder.tree().map(\.utf8).filter { $0.starts(with: "out/".utf8) }
      .map { String(decoding: $0.dropFirst(4), as: UTF8.self) }
    let expected = names + ["to-file", "sub", "config.json", "tokenizer.json", "model.safetensors"]
    #expect(Set(made) == Set(expected))
    for name in made where name != "sub" {
      let path = stage.folder.path("out/" + name)
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      #expect(attributes[.type] as? FileAttributeType == .typeRegular, "\(name)")
    }
    #expect(try stage.folder.bytes(of: "out/to-file") == Array("outside".utf8))
    #expect(try !stage.folder.names().contains("owned"))
  }

  @Test(arguments: [
    "../elsewhere/x.safetensors", "/tmp/x.safetensors", "..", "sub/x.safetensors",
    #"../\u0301x.safetensors"#, #"\u002e\u002e\u002fx.safetensors"#,
  ])
  func `a shard's name writes nothing outside of the output`(name: String) throws {
    // The file that each name means, as far as it can be made here.
    for place in ["elsewhere/x", "base/sub/x", "\u{301}x", "x"] {
      try stage.folder.write(Stage.model(Stage.base), to: place + ".safetensors")
    }
    try stage.folder.remove("base/model.safetensors")
    let map = ["up.weight", "norm.weight", "ids"].map { #""\#($0)":"\#(name)""# }
    try stage.folder.write(
      #"{"weight_map":{\#(map.joined(separator: ","))}}"#, to: "base/model.safetensors.index.json")
    let before = try stage.folder.tree()
    let outcome = try stage.run("apply", "base", "patch", "-o", "sub/out")
    #expect(outcome.status == 65, "\(outcome)")
    #expect(try stage.folder.tree() == before)
  }

  @Test(arguments: [true, false])
  func `a link that takes the output's place during a run is not followed`(force: Bool) throws {
    try FailureTests.makeLargeFile(stage.folder.path("large/model.safetensors"))
    try stage.folder.write("kept", to: "elsewhere/kept")
    #expect(try stage.run("diff", "large", "large", "-o", "large.patch").status == 0)
    let before = Set(try stage.folder.names())
    let running = try stage.program.start(
      ["apply", "large", "large.patch", "-o", "out"] + (force ? ["--force"] : []))
    while running.isRunning, Set(try stage.folder.names()) == before { usleep(200) }
    try link("elsewhere", "out")
    #expect(running.wait().status == (force ? 0 : 73))
    #expect(try stage.folder.tree().filter { $0.hasPrefix("elsewhere/") } == ["elsewhere/kept"])
    let attributes = try FileManager.default.attributesOfItem(atPath: stage.folder.path("out"))
    let type = attributes[.type] as? FileAttributeType
    #expect(type == (force ? .typeDirectory : .typeSymbolicLink))
  }

  // MARK: Parts

  private func link(_ target: String, _ name: String) throws {
    try FileManager.default.createSymbolicLink(
      atPath: stage.folder.path(name), withDestinationPath: target)
  }
}
