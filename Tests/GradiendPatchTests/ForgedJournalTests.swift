import ByteIO
import Foundation
import Glibc
import GradiendPatch
import TestSupport
import Testing

/// Journals whose digests are right and whose numbers are not, and other things of their name.
@Suite struct ForgedJournalTests {
  let scene: InPlaceFaultTests.Scene
  /// What an interrupted run has left.
  let journal: [UInt8]

  private static let name = "work/.model.safetensors.gradiend-patch-journal"
  private static let headerEnd = 4_096

  init() throws {
    let scene = try InPlaceFaultTests.Scene("file", seed: 1)
    try scene.prepare("base")
    let disk = FaultyDisk(failingAt: 40)
    #expect(throws: PatchError.self) { try scene.run(.apply, disk) }
    disk.end()
    journal = try scene.bench.bytes(Self.name)
    #expect(try !scene.isSame(as: "base") && !scene.isSame(as: "result"))
    self.scene = scene
  }

  /// The journal with other integers of 8 bytes, by their offsets, and the digests that they call for.
  private func forged(_ fields: [Int: UInt64]) throws -> [UInt8] {
    var bytes = journal
    for (offset, value) in fields {
      bytes.replaceSubrange(offset..<offset + 8, with: SafetensorsBuilder.littleEndian([value]))
    }
    Self.sign(&bytes)
    for slot in slots {
      let head = Digest64(of: Array(bytes[slot..<slot + 48]).rawSpan).value
      bytes.replaceSubrange(slot + 48..<slot + 56, with: SafetensorsBuilder.littleEndian([head]))
    }
    return bytes
  }

  /// Writes the digest that the header calls for.
  private static func sign(_ bytes: inout [UInt8]) {
    let end = Int(bytes[12]) - 16
    let digest = Digest128(of: Array(bytes[..<end]).rawSpan)
    bytes.replaceSubrange(
      end..<end + 16, with: SafetensorsBuilder.littleEndian([digest.low, digest.high]))
  }

  private var slots: [Int] { [Self.headerEnd, (Self.headerEnd + journal.count) / 2] }

  /// The command is refused both ways, and nothing changes.
  private func isRefused(
    _ kind: PatchError.Kind, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try scene.bench.bytes("work/model.safetensors")
    for rollsBack in [false, true] {
      let error = try scene.bench.refusal(kind, sourceLocation: sourceLocation) {
        () throws(PatchError) in
        try scene.run(.apply, FaultyDisk(), rollsBack: rollsBack)
      }
      #expect(error.message.contains(message), "\(error)", sourceLocation: sourceLocation)
    }
    let error = #expect(throws: PatchError.self, sourceLocation: sourceLocation) {
      try scene.bench.verify("work", "patch")
    }
    #expect(error.map { [.unfinished, .badInput].contains($0.kind) } ?? false)
    #expect(try scene.bench.bytes("work/model.safetensors") == before)
  }

  @Test(arguments: [0, 33_554_433, 1 << 62, .max] as [UInt64])
  func `batches of a size that no change has are refused`(limit: UInt64) throws {
    try scene.bench.folder.write(forged([24: limit]), to: Self.name)
    try isRefused(.badInput, "byte 24: the journal's batches cannot have \(limit) bytes")
  }

  @Test(arguments: [0, 1, 4_097, 64 << 20, 1 << 40, 1 << 63, .max] as [UInt64])
  func `slots of a size that no batches have are refused`(byteCount: UInt64) throws {
    try scene.bench.folder.write(forged([32: byteCount]), to: Self.name)
    try isRefused(
      .badInput, byteCount == 0 ? "slots have 0 bytes" : "cannot have \(byteCount) bytes")
  }

  @Test(arguments: [4_096, 12_288, 1 << 20] as [UInt64])
  func `slots of another size than the batches make them are refused`(byteCount: UInt64) throws {
    try scene.bench.folder.write(forged([32: byteCount]), to: Self.name)
    try isRefused(.badInput, "slots have \(byteCount) bytes, the batches of this change take 8192")
  }

  @Test func `records whose numbers are out of range are none`() throws {
    let model = try scene.bench.bytes("work/model.safetensors")
    let extremes: [UInt64] = [0, 1, 2, 1 << 32, 1 << 62, 1 << 62 + 1, 1 << 63 - 1, 1 << 63, .max]
    for slot in slots {
      for field in stride(from: slot, to: slot + 32, by: 8) {
        for value in extremes {
          try scene.bench.folder.write(model, to: "work/model.safetensors")
          try scene.bench.folder.write(forged([field: value]), to: Self.name)
          do throws(PatchError) {
            try scene.run(.apply, FaultyDisk())
          } catch {
            #expect(error.kind == .badInput, "\(error)")
          }
          let left = try scene.bench.bytes("work/model.safetensors")
          #expect(try left == model || left == scene.bench.bytes("result/model.safetensors"))
        }
      }
    }
    // Above what any change reaches, a sequence number does not count.
    try scene.bench.folder.write(model, to: "work/model.safetensors")
    try scene.bench.folder.write(
      forged([slots[0]: 1 << 63 - 1, slots[1]: 1 << 63 - 2]), to: Self.name)
    try isRefused(.badInput, "the files are not as ")
  }

  @Test func `a pipe that a journal lists is never opened`() throws {
    var bytes = journal
    let names: [UInt8] = [2, 4] + Array("pipe".utf8) + [17] + Array("model.safetensors".utf8)
    bytes.replaceSubrange(56..<56 + names.count, with: names)
    bytes[12] = UInt8(56 + names.count + 16)
    Self.sign(&bytes)
    try scene.bench.folder.write(bytes, to: Self.name)
    #expect(mkfifo(scene.bench.path("work/pipe"), 0o600) == 0)
    let error = #expect(throws: PatchError.self) { try scene.bench.verify("work", "patch") }
    #expect(error?.kind == .unfinished)
    #expect(error?.message.contains("was interrupted here") == true)
  }

  // MARK: Other things

  @Test(arguments: ["pipe", "folder", "link to a device"])
  func `what has a journal's name and cannot be read is an unfinished change`(kind: String) throws {
    try scene.bench.folder.remove(Self.name)
    let path = scene.bench.path(Self.name)
    switch kind {
    case "pipe": #expect(mkfifo(path, 0o600) == 0)
    case "folder": #expect(mkdir(path, 0o700) == 0)
    default: #expect(symlink("/dev/null", path) == 0)
    }
    try isRefused(.unfinished, "its journal cannot be read: ")
  }

  @Test func `a journal is for who made it alone, whatever the model's mode`() throws {
    var status = stat()
    #expect(stat(scene.bench.path(Self.name), &status) == 0 && status.st_mode & 0o777 == 0o600)
  }

  @Test func `a journal is seen through links, and by the bytes of its name`() throws {
    for (name, target) in [("link", "work/model.safetensors"), ("again", "link")] {
      try FileManager.default.createSymbolicLink(
        atPath: scene.bench.path(name), withDestinationPath: target)
      try scene.bench.refusal(.unfinished) { () throws(PatchError) in
        _ = try scene.bench.verify(name, "patch")
      }
    }
    // A mark that makes one character of itself and the dot before it.
    try scene.bench.folder.write(scene.bench.bytes("work/model.safetensors"), to: "marked/\u{301}m")
    try scene.bench.folder.write("no journal", to: "marked/.\u{301}m.gradiend-patch-journal")
    #expect(throws: PatchError.self) { try scene.bench.verify("marked/\u{301}m", "patch") }
  }
}
