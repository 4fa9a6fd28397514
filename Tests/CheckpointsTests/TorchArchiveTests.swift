import ByteIO
import Checkpoints
import TestSupport
import Testing

/// Archives with one thing wrong, none of it in the pickle.
@Suite struct TorchArchiveTests {
  static let builder: TorchFileBuilder = {
    var builder = TorchFileBuilder()
    builder.add("a", shape: [2], floats: [1, 2])
    builder.add("b", "BOOL", [3], [1, 0, 1])
    return builder
  }()

  private func refusal(_ change: (inout ZipBuilder) -> Void) -> FormatError.Reason? {
    var zip = Self.builder.archive()
    change(&zip)
    return TorchFileTests.refusal(zip.bytes)?.reason
  }

  @Test func `compressed entries are refused, whatever they would unpack to`() {
    let reason = refusal { zip in
      zip.entries[2].method = 8
      zip.entries[2].originalByteCount = 0xFFFF_FFFE
    }
    #expect(
      reason
        == .unsupported(
          "the archive's entry 'archive/data/0' is compressed; torch.save stores its entries"))
  }

  @Test(arguments: [1, 0x40, 0x2000] as [UInt16])
  func `encrypted entries are refused`(flag: UInt16) {
    #expect(
      refusal { $0.entries[2].flags |= flag }
        == .unsupported(
          "the archive's entry 'archive/data/0' is encrypted, or in another file"))
  }

  @Test func `two entries of one name are refused`() {
    #expect(
      refusal { $0.entries[3].name = "archive/data/0" }
        == .corrupt("the archive holds 'archive/data/0' twice"))
  }

  @Test(arguments: [
    "../data/1", "archive/../data/1", "/etc/passwd", "archive//1", "archive/./1", "archive\\1",
    "archive/", "archive/\u{1}", "", "C:\\1",
  ])
  func `names that would lead elsewhere are refused`(name: String) {
    #expect(
      refusal { $0.entries[3].name = name }
        == .corrupt("the archive holds an entry named '\(name)'"))
  }

  @Test func `entries in another folder are refused`() {
    #expect(
      refusal { $0.entries[3].name = "other/data/1" }
        == .notThisFormat("this is a zip archive, but torch.save did not write it"))
  }

  @Test func `entries that overlap are refused`() {
    let inner = ZipBuilder.Entry("archive/data/1", [1, 0, 1])
    var nested = ZipBuilder()
    nested.entries = [inner]
    let reason = refusal { zip in
      // The whole of entry 1 lies in entry 0, at whose end a sound local header begins.
      let header = Array(nested.bytes.prefix(30 + inner.name.utf8.count + 3))
      zip.entries[2].contents = header
      let before = zip.entries[..<2].reduce(0) { $0 + 46 + $1.name.utf8.count + $1.contents.count }
      zip.entries[3].offset = UInt32(before + 30 + zip.entries[2].name.utf8.count)
    }
    #expect(reason == .corrupt("two entries of the archive overlap"))
  }

  @Test(arguments: [0, 1, 0xFFFF, 0xFFFF_FFFE] as [UInt32])
  func `an entry that is elsewhere is refused`(offset: UInt32) {
    #expect(
      refusal { $0.entries[2].offset = offset }
        == .corrupt("the archive's entry 'archive/data/0' is not where the directory says"))
  }

  @Test func `an entry that says another name on the spot is refused`() {
    #expect(
      refusal { $0.entries[2].localName = "archive/data/1" }
        == .corrupt("the archive's entry 'archive/data/0' is not where the directory says"))
  }

  @Test func `an entry longer than the file is refused`() {
    #expect(
      refusal { $0.entries[2].byteCount = 0xFFFF_FFFE }
        == .corrupt("the archive's entry 'archive/data/0' is not where the directory says"))
    #expect(
      refusal { $0.entries[2].originalByteCount = 9 }
        == .corrupt("the archive's entry 'archive/data/0' has impossible sizes"))
  }

  @Test(arguments: [0, 4, 6, 0xFFFF, .max])
  func `an archive with fewer or more entries than it says is refused`(count: Int) {
    #expect(refusal { $0.entryCount = count } != nil)
  }

  @Test func `bytes behind the end are refused, comments among them`() {
    let missing = FormatError.Reason.corrupt(
      "the archive's end is missing: the file is incomplete or has something behind it; download "
        + "it again")
    #expect(refusal { $0.comment = [0x50] } == missing)
    #expect(TorchFileTests.refusal(Self.builder.bytes + [0])?.reason == missing)
    #expect(TorchFileTests.refusal([0] + Self.builder.bytes) != nil)
  }

  @Test func `another byte order is refused`() {
    var builder = Self.builder
    builder.byteOrder = "big"
    #expect(
      TorchFileTests.refusal(builder.bytes)?.reason
        == .unsupported("the file's byte order is not 'little'; save it again on another machine"))
  }

  @Test(arguments: ["", "0", "11", "3x", "-1"])
  func `another version is refused`(version: String) {
    var builder = Self.builder
    builder.version = version
    #expect(
      TorchFileTests.refusal(builder.bytes)?.reason
        == .unsupported("the archive's version is '\(version)', not 1 to 10"))
  }

  @Test func `an archive without version, pickle or storage is refused`() {
    #expect(refusal { $0.entries.removeLast() } == .corrupt("the archive has no version"))
    #expect(refusal { $0.entries.removeFirst() } == .corrupt("the archive has no data.pkl"))
    #expect(
      refusal { $0.entries.remove(at: 2) }
        == .corrupt("tensor 'a' lies in storage '0', which the archive has not"))
  }

  @Test(arguments: [0, 7, 9])
  func `a storage of another length is refused`(byteCount: Int) {
    #expect(
      refusal { $0.entries[2].contents = Array(repeating: 0, count: byteCount) }
        == .corrupt(
          "storage '0' of tensor 'a' takes \(byteCount) bytes, not those of 2 elements of F32"))
  }

  @Test func `a program in place of tensors is refused`() {
    #expect(
      refusal { $0.add("archive/constants.pkl", "x") }
        == .unsupported("this is a TorchScript program, not a dictionary of tensors"))
  }

  static let foreign: [(bytes: [UInt8], start: String)] = [
    ([], "the file is empty"),
    (Array("version https://git-lfs.github.com/spec/v1\n".utf8), "this is a Git LFS pointer"),
    (Array("<!DOCTYPE html>".utf8), "this is a web page"),
    (Array("GGUF\u{3}".utf8), "this is a GGUF file, where a PyTorch file is expected"),
    ([0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C], "this is a PyTorch file from before version 1.6"),
    (Array("hello".utf8), "this is not a file of torch.save"),
  ]

  @Test(arguments: foreign.indices)
  func `a file of another kind is named`(index: Int) throws {
    let error = try #require(TorchFileTests.refusal(Self.foreign[index].bytes))
    guard case .notThisFormat(let message) = error.reason else {
      Issue.record("\(error)")
      return
    }
    #expect(message.hasPrefix(Self.foreign[index].start))
  }

  @Test func `every truncation is refused`() {
    let bytes = Self.builder.bytes
    #expect(TorchFileTests.refusal(bytes) == nil)
    for count in bytes.indices {
      #expect(TorchFileTests.refusal(Array(bytes.prefix(count))) != nil, "\(count) bytes")
    }
  }
}
