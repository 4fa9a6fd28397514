import ByteIO
import Checkpoints
import PatchFormat
import TestSupport
import Testing

/// Whole patch files: the header, the digests, and what must agree in them.
@Suite struct PatchFileTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  @Test func `a sound patch is read`() throws {
    let patch = try open(PatchForge().bytes)
    #expect(patch.metadata.entries.map(\.key) == PatchForge().metadata.map(\.key))
    #expect(patch.metadata.entries.map(\.value) == PatchForge().metadata.map(\.value))
    #expect(patch.index.tensors.map(\.name) == ["a", "βb"])
    let chunks = try patch.chunkByteRanges(of: #require(patch["a"]))
    #expect(chunks.map { patch.file.bytes.extracting($0).array } == [[0, 1, 2, 3]])
    #expect(patch.indexByteRange.upperBound == patch.file.byteCount)
  }

  // MARK: Metadata

  @Test(arguments: PatchForge().metadata.map(\.key).filter { $0 != "format" })
  func `each key must be there`(key: String) throws {
    var forge = PatchForge()
    forge[key] = nil
    #expect(try refusal(forge.bytes) == "byte 8: the patch's metadata lack '\(key)'")
  }

  @Test func `without its format it is a safetensors file, but not a patch`() throws {
    var forge = PatchForge()
    forge["format"] = "pt"
    let message = "this is a safetensors file, but not a patch: "
    #expect(try refusal(forge.bytes).hasPrefix("byte 8: " + message))
    forge["format"] = nil
    #expect(try refusal(forge.bytes).hasPrefix("byte 8: " + message))
  }

  @Test(arguments: ["licence", "é", ""])
  func `an unknown key is unsupported`(key: String) throws {
    var forge = PatchForge()
    forge[key] = "x"
    #expect(
      try refusal(forge.bytes)
        == "byte 8: the patch, of format version 1.0, has metadata '\(key)' that this program does "
        + "not know")
  }

  @Test func `a key that occurs twice is an error, even in another spelling`() throws {
    var forge = PatchForge()
    forge.metadata.append(("part", "decoder"))
    #expect(try refusal(forge.bytes).contains("duplicate object key"))
    forge.metadata.removeLast()
    // The same letter, composed and decomposed: equal as text, but not as bytes.
    forge.metadata += [("\u{E9}", "1"), ("e\u{301}", "2")]
    #expect(try refusal(forge.bytes).contains("that this program does not know"))
  }

  @Test func `the keys of an update are unknown in a diff`() throws {
    var forge = PatchForge()
    forge["source"] = "diff"
    #expect(try refusal(forge.bytes).contains("has metadata 'feature_factor' that"))
    for key in ["feature_factor", "learning_rate", "part", "gradiend_digest"] { forge[key] = nil }
    #expect(try open(forge.bytes).metadata.source == .diff)
    forge["source"] = "merge"
    #expect(try refusal(forge.bytes) == "byte 8: the patch has source 'merge'")
  }

  @Test func `a feature factor is there for the decoder, and for no other part`() throws {
    var forge = PatchForge()
    forge["feature_factor"] = nil
    #expect(try refusal(forge.bytes) == "byte 8: the patch's metadata lack 'feature_factor'")
    forge["part"] = "decoder-bias"
    #expect(try updates(forge).map(\.featureFactors) == [nil])
    forge["feature_factor"] = "1.0"
    #expect(try refusal(forge.bytes).contains("has metadata 'feature_factor' that"))
  }

  private func updates(_ forge: PatchForge) throws -> [PatchMetadata.Update] {
    guard case .gradiend(let updates, _) = try open(forge.bytes).metadata.source else { return [] }
    return updates
  }

  /// Of three GRADIENDs, of which the second has neither classes nor a place on the Hub.
  private static var sum: PatchForge {
    let commit = String(repeating: "0a", count: 20)
    var forge = PatchForge()
    forge["feature_factor"] = "-1.0\n0.5,2.0\n1.0"
    forge["learning_rate"] = "0.01\n0.02\n0.03"
    forge["gradiend_digest"] = ["aa", "bb", "cc"].map { String(repeating: $0, count: 16) }
      .joined(separator: "\n")
    forge["feature_classes"] = "1.0 female\n-1.0 male\n\n\n\n1.0 a"
    forge["gradiend_repository"] = "org/one\n\nthree"
    forge["gradiend_commit"] = "\(commit)\n\n\(commit)"
    return forge
  }

  @Test func `a sum has a line for each GRADIEND`() throws {
    let updates = try updates(Self.sum)
    #expect(updates.map(\.featureFactors) == ["-1.0", "0.5,2.0", "1.0"])
    #expect(updates.map(\.learningRate) == ["0.01", "0.02", "0.03"])
    #expect(updates.map(\.direction) == ["male", nil, "a"])
    #expect(updates.map { $0.origin?.repository.description } == ["org/one", nil, "three"])
    let written = try open(Self.sum.bytes).metadata.entries
    let forged = Dictionary(uniqueKeysWithValues: Self.sum.metadata)
    #expect(Dictionary(uniqueKeysWithValues: written.map { ($0.key, $0.value) }) == forged)
  }

  @Test(arguments: [
    ("feature_factor", "1.0\n1.0"), ("learning_rate", "0.01"), ("learning_rate", "1\n2\n3\n"),
    ("gradiend_digest", "aa"), ("feature_classes", "1.0 a\n\n1.0 b"),
    ("feature_classes", "\n\n\n\n"),
    ("feature_classes", "1.0 a\n\nb\n\n"), ("gradiend_repository", "org/one\n\n"),
    ("gradiend_repository", "org/one\nthree"), ("gradiend_commit", "\n\n"),
  ])
  func `another number of lines than there are GRADIENDs is an error`(
    key: String, value: String
  ) throws {
    var forge = Self.sum
    forge[key] = value
    #expect(try refusal(forge.bytes).hasPrefix("byte 8: the patch's metadata give "))
  }

  @Test func `repository and commit are read, both or neither`() throws {
    let commit = String(repeating: "0a", count: 20)
    var forge = PatchForge()
    forge["base_repository"] = "org/base"
    #expect(try refusal(forge.bytes) == "byte 8: the patch's metadata lack 'base_commit'")
    forge["base_commit"] = commit
    forge["gradiend_repository"] = "gradiend"
    forge["gradiend_commit"] = commit
    let origins = try open(forge.bytes).metadata.origins
    let origin = try updates(forge).first?.origin
    #expect(origins.base.map { "\($0)" } == "org/base@" + commit)
    #expect(origin.map { "\($0)" } == "gradiend@" + commit)
    #expect(origins.result == nil)
    forge["base_repository"] = nil
    #expect(try refusal(forge.bytes).contains("has metadata 'base_commit' that"))
    forge["base_repository"] = "org/base"
    forge["result_repository"] = "org/result"
    #expect(try refusal(forge.bytes).contains("has metadata 'result_repository' that"))
  }

  @Test(arguments: [
    ("../base", String(repeating: "0a", count: 20)), ("a/b", "main"),
    ("a/b", String(repeating: "0A", count: 20)), ("", String(repeating: "0a", count: 20)),
  ])
  func `what names no repository or commit is an error`(repository: String, commit: String) throws {
    var forge = PatchForge()
    forge["base_repository"] = repository
    forge["base_commit"] = commit
    #expect(
      try refusal(forge.bytes) == "byte 8: the patch's metadata give '\(repository)' and "
        + "'\(commit)' for repository and commit of the base")
  }

  @Test(arguments: ["2.0", "0.9", "10.0", "", "one", "1", "1.", "1.x", " 1.0", "1.0.0"])
  func `another version is unsupported`(version: String) throws {
    var forge = PatchForge()
    forge["format_version"] = version
    #expect(
      try refusal(forge.bytes)
        == "byte 8: the patch has format version \(version), this program reads 1.0; use a newer "
        + "gradiend-patch")
  }

  @Test func `a newer minor version is read if nothing in it is new`() throws {
    var forge = PatchForge()
    forge["format_version"] = "1.7"
    #expect(try open(forge.bytes).index.tensors.count == 2)
    forge["quality"] = "good"
    #expect(try refusal(forge.bytes).contains("of format version 1.7, has metadata 'quality'"))
  }

  static let counts = ["tensors", "elements", "changed_tensors", "changed_elements"]

  @Test(arguments: counts, ["", "-1", "+2", "02", "2.0", "two", "99999999999999999999"])
  func `a count must be a decimal number`(key: String, text: String) throws {
    var forge = PatchForge()
    forge[key] = text
    #expect(
      try refusal(forge.bytes) == "byte 8: the patch's metadata give '\(text)' for '\(key)'")
  }

  @Test(arguments: counts)
  func `a count must be that of the index`(key: String) throws {
    var forge = PatchForge()
    forge[key] = "5"
    #expect(
      try refusal(forge.bytes).hasPrefix(
        "byte 8: the patch's metadata state 5 \(key.replacing("_", with: " ")), its index "))
  }

  @Test func `elements that nobody can count are an error`() throws {
    var forge = PatchForge()
    let huge: [UInt8] = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x08]  // 2^59
    forge.table.count = [16]
    forge.table.nameLengths = Array(repeating: 1, count: 16)
    forge.table.names = Array("abcdefghijklmnop".utf8)
    forge.table.types = Array(repeating: 4, count: 16)
    forge.table.ranks = Array(repeating: 1, count: 16)
    forge.table.dimensions = (0..<16).flatMap { _ in huge }
    forge.table.baseDigests = Array(repeating: 1, count: 64)
    forge.table.changed = [7] + Array(repeating: 0, count: 15)
    forge["tensors"] = "16"
    #expect(
      try refusal(forge.bytes)
        == "byte 8: the patch's index claims more elements than can be counted")
  }

  // MARK: Digests

  @Test func `changed metadata are damaged metadata`() throws {
    let forge = PatchForge()
    var other = forge
    other["learning_rate"] = "0.02"
    let index = try self.index(of: forge)
    #expect(
      try refusal(other.file(index: index))
        == "byte 8: the patch's metadata are damaged; download the patch again")
  }

  @Test func `changed deltas are damaged deltas`() throws {
    let forge = PatchForge()
    var other = forge
    other.deltas[2] ^= 1
    let index = try self.index(of: forge)
    #expect(
      try refusal(other.file(index: index)).hasSuffix(
        "the patch's deltas are damaged; download the patch again"))
  }

  @Test func `a changed index is a damaged index`() throws {
    var bytes = PatchForge().bytes
    bytes[bytes.count - 1] ^= 1
    #expect(
      try refusal(bytes).hasSuffix("the patch's index is damaged; download the patch again"))
  }

  // MARK: Tensors

  static let otherTensors = [
    [("index", "U8"), ("deltas", "U8")], [("deltas", "I8"), ("index", "U8")],
    [("deltas", "U8"), ("index", "BOOL")], [("deltas", "U8"), ("indices", "U8")],
  ]

  @Test(arguments: otherTensors.indices)
  func `a patch has two tensors of bytes, in order`(position: Int) throws {
    var forge = PatchForge()
    forge.tensors = Self.otherTensors[position]
    #expect(try refusal(forge.bytes).contains("a patch has the U8 tensors"))
  }

  @Test func `chunks must fill the bytes of their tensor`() throws {
    for (bytes, message) in [
      ([5, 0, 1, 2, 3], "ends early: 5 bytes needed, 4 left"),
      ([3, 0, 1, 2, 3], "1 bytes after the last chunk"),
      ([0x80, 0, 1, 2, 3], "an integer is padded with zero bits"),
      ([0xFF, 0xFF, 0xFF, 0xFF, 0xFF], "ends early: 6 bytes needed, 5 left"),
    ] as [([UInt8], String)] {
      var forge = PatchForge()
      forge.deltas = bytes
      let patch = try open(forge.bytes)
      let tensor = try #require(patch["a"])
      do {
        _ = try patch.chunkByteRanges(of: tensor)
        Issue.record("\(bytes)")
      } catch {
        #expect("\(error.reason)" == message)
        #expect(patch.deltasByteRange.contains(error.offset))
      }
    }
  }

  // MARK: Parts

  private func open(_ bytes: [UInt8]) throws -> PatchFile {
    try PatchFile(path: folder.write(bytes, to: "patch"))
  }

  /// The bytes of the tensor `index` of a sound patch.
  private func index(of forge: PatchForge) throws -> [UInt8] {
    let patch = try open(forge.bytes)
    return patch.file.bytes.extracting(patch.indexByteRange).array
  }

  /// The error of a patch with these bytes, without its path.
  private func refusal(_ bytes: [UInt8]) throws -> String {
    let error = try #require(throws: CheckpointError.self) { try open(bytes) }
    return String("\(error)".dropFirst(folder.path("patch").count + 2))
  }
}
