import ByteIO
import Checkpoints
import TestSupport
import Testing

/// The odd and broken files of the reference data.
@Suite struct GGUFCaseTests {
  static func refusal(_ path: String) -> CheckpointError? {
    do throws(CheckpointError) {
      _ = try Checkpoint(path: path)
      return nil
    } catch {
      return error
    }
  }

  @Test func `every odd file is accepted and every broken one refused where it is broken`() throws {
    let files = try ReferenceGGUF.oddFiles()
    #expect(files.count == 105)
    for file in files {
      let error = Self.refusal(try file.path)
      let text = error.map(\.description) ?? "accepted"
      if file.must.hasPrefix("accept") {
        #expect(error == nil, "\(file): \(text)")
      } else if file.must == "refuse" || file.must.hasPrefix("refuse,")
        || file.must.hasPrefix("refuse;") || file.must.hasPrefix("refuse without")
      {
        guard case .format = error?.cause else {
          Issue.record("\(file): \(text)" as Comment)
          continue
        }
      }
    }
  }

  @Test(
    arguments: [
      ("bad-header-magic", "byte 0: this is not a GGUF file"),
      ("bad-kv-duplicate-key", "key 'my.u8' occurs twice"),
      ("bad-kv-array-of-array", "is an array of arrays"),
      ("bad-kv-align-i32", "general.alignment must be a u32"),
      ("bad-kv-align-48", "general.alignment is 48, not a power of two"),
      ("bad-tensor-type-removed-36", "type 36, IQ4_NL_4_4, was removed"),
      ("bad-tensor-row-not-block", "rows of 33 elements do not fill blocks of 32"),
      ("bad-tensor-offset-hole", "it leaves a hole"),
      ("bad-tensor-offset-overlap", "it overlaps the one before it"),
      ("bad-tensor-shape-negative", "has a dimension of -1"),
      ("bad-tensor-name-64", "claims 64 bytes, more than the 63 allowed"),
      ("bad-data-one-byte-short", "ends 1 bytes past the file"),
      ("bad-file-lfs-pointer", "Git LFS pointer"),
      ("bad-file-html", "web page"),
      ("bad-file-ggjt", "old GGJT container"),
      ("bad-truncated-kv-scalar", "ends early"),
    ])
  func `the message says what is wrong`(name: String, message: String) throws {
    let error = Self.refusal(try ReferenceGGUF.path("malformed/\(name).gguf"))
    let text = error.map(\.description) ?? "accepted"
    #expect(text.contains(message), "\(text)")
  }

  @Test(
    arguments: [
      ("good-set", 1, nil),
      ("bad-missing-second", 1, "m-00002-of-00003.gguf: file 2 of the split set of 3 files"),
      ("bad-missing-last", 1, "m-00003-of-00003.gguf: file 3 of the split set of 3 files"),
      ("bad-missing-first", 2, "m-00001-of-00003.gguf, which is missing"),
      ("bad-second-twice", 1, "split.no is 1, but"), ("bad-swapped", 1, "split.no is 2, but"),
      ("bad-count", 1, "its name must end in -00001-of-00004.gguf"),
      ("bad-tensor-count", 1, "split.tensors.count says 21, but the 3 files hold 20 tensors"),
      ("bad-duplicate-tensor", 1, "tensor 'blk.1.ffn_down.weight' is also in"),
      ("bad-truncated-member", 1, "past the file"), ("bad-no-split-keys", 1, "split.no is missing"),
    ] as [(String, Int, String?)])
  func `a split set is read whole or refused`(folder: String, given: Int, message: String?) throws {
    let path = try ReferenceGGUF.path("malformed/split/\(folder)/m-0000\(given)-of-00003.gguf")
    let error = Self.refusal(path)
    guard let message else {
      #expect(error == nil)
      return
    }
    let text = error.map(\.description) ?? "accepted"
    #expect(text.contains(message), "\(text)")
  }

  @Test(arguments: ["a-00001-of-00003.gguf", "dir/a-b-00002-of-00012.gguf", "-00001-of-00002.gguf"])
  func `a name of a split set gives the names of the others`(name: String) throws {
    let split = try #require(GGUFSplitName(name))
    #expect(split.path(number: split.number) == name)
  }

  @Test(
    arguments: [
      "a.gguf", "a-00001-of-00003", "a-1-of-3.gguf", "a-00004-of-00003.gguf",
      "a-00000-of-00003.gguf",
      "a-0000x-of-00003.gguf", "-of-00003.gguf",
    ])
  func `other names are not of a split set`(name: String) {
    #expect(GGUFSplitName(name) == nil)
  }
}
