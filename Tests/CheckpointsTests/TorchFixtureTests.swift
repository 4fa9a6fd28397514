import ByteIO
import Checkpoints
import TestSupport
import Testing

/// The files of `Fixtures/torch`, most of which Python's own tools wrote.
@Suite struct TorchFixtureTests {
  /// What is said of each file that is refused.
  static let refusals = [
    ("bad-pickle-system", "the pickle asks for 'posix.system'"),
    ("bad-pickle-eval", "the pickle asks for '__builtin__.eval'"),
    ("bad-pickle-inst", "the pickle uses STRING"),
    ("bad-pickle-newobj", "the pickle uses NEWOBJ"),
    ("bad-pickle-build", "the pickle sets the state of a dictionary"),
    ("bad-pickle-memo-bomb", "the pickle is nested more than 32 deep"),
    ("bad-pickle-nested", "the pickle is nested more than 32 deep"),
    ("bad-pickle-long-string", "ends early: 4294967295 bytes needed, 2 left"),
    ("bad-pickle-memo-gap", "the pickle keeps a value as number 4294967295, not 0"),
    ("bad-storage-short", "storage '0' of tensor 'a' takes 16 bytes, not those of 1073741824"),
    ("bad-tensor-outside", "the pickle has a tensor of 4 elements from 1 on in a storage of 4"),
    ("bad-tensor-overflow", "the pickle has a tensor whose shape overflows"),
    ("bad-zip-parent-name", "the archive holds an entry named 'm/../../evil'"),
    ("bad-zip-doubled-name", "the archive holds 'm/data/0' twice"),
    ("bad-zip-overlap", "two entries of the archive overlap"),
    ("bad-zip-truncated", "the archive's end is missing"),
    ("unsupported-zip-compressed", "the archive's entry 'm/data/0' is compressed"),
    ("unsupported-big-endian", "the file's byte order is not 'little'"),
    ("unsupported-protocol-4", "the pickle has protocol 4"),
    ("unsupported-column-major", "the pickle has a tensor of shape [2, 2] and strides [1, 2]"),
    ("unsupported-before-1.6", "this is a PyTorch file from before version 1.6"),
  ]

  @Test(arguments: refusals)
  func `a bad or unsupported file is refused for what is wrong with it`(
    name: String, message: String
  ) {
    do throws(CheckpointError) {
      _ = try TensorFile(path: Fixtures.path("torch/\(name).bin"))
      Issue.record("accepted")
    } catch {
      guard case .format(let format) = error.cause else {
        Issue.record("\(error)")
        return
      }
      #expect("\(format.reason)".hasPrefix(message), "\(error)")
    }
  }

  @Test func `a sound file is read`() throws {
    let file = try TensorFile(path: Fixtures.path("torch/good-tensor.bin"))
    let tensor = try #require(file["decoder.0.linear.bias"])
    #expect(file.tensors == [tensor])
    #expect(tensor.elementType == .float32)
    #expect(tensor.shape == [4])
  }

  @Test func `every file has its line in the table, and in the list of fixtures`() throws {
    let names = try Folder.names(in: Fixtures.path("torch"))
    let known = Self.refusals.map { $0.0 + ".bin" } + ["good-tensor.bin"]
    #expect(Set(names) == Set(known))
    let list = try Fixtures.text("README.md")
    for name in names { #expect(list.contains("`torch/\(name)`"), "\(name)") }
  }
}
