import ByteIO
import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite struct CheckpointTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  static func file(_ names: [String]) -> [UInt8] {
    var builder = SafetensorsBuilder()
    for name in names { builder.add(name, "U8", [1], [UInt8(name.utf8.count)]) }
    return builder.bytes
  }

  /// Opens the folder and gives what is wrong with it.
  private func refusal(_ name: String = "") -> String? {
    do throws(CheckpointError) {
      _ = try Checkpoint(path: name.isEmpty ? folder.path : folder.path(name))
      return nil
    } catch {
      return error.description.replacing(folder.path, with: "DIR")
    }
  }

  private func writeIndex(_ map: String) throws {
    try folder.write(#"{"metadata":{"total_size":3},"weight_map":\#(map)}"#, to: Self.index)
  }

  static let index = "model.safetensors.index.json"

  // MARK: Which files

  @Test func `a file is a checkpoint of its own, whatever its name`() throws {
    let path = try folder.write(Self.file(["a", "bb"]), to: "weights.bin")
    let checkpoint = try Checkpoint(path: path)
    #expect(!checkpoint.isFolder)
    #expect(checkpoint.files.map(\.name) == ["weights.bin"])
    #expect(checkpoint.tensors.map(\.name) == ["a", "bb"])
    let tensor = try #require(checkpoint["bb"])
    #expect(
      checkpoint.file(of: tensor).bytes.extracting(tensor.descriptor.byteRange).array == [2])
    #expect(checkpoint["c"] == nil)
  }

  @Test func `model.safetensors comes before an index, an index before other files`() throws {
    try folder.write(Self.file(["b"]), to: "model-1.safetensors")
    try writeIndex(#"{"b":"model-1.safetensors"}"#)
    try folder.write(Self.file(["c"]), to: "adapter.safetensors")
    #expect(try Checkpoint(path: folder.path).tensors.map(\.name) == ["b"])
    try folder.write(Self.file(["a"]), to: "model.safetensors")
    let checkpoint = try Checkpoint(path: folder.path)
    #expect(checkpoint.tensors.map(\.name) == ["a"])
    #expect(checkpoint.indexName == nil)
    #expect(checkpoint.isFolder)
  }

  @Test(arguments: ["consolidated.safetensors", "diffusion_pytorch_model.safetensors"])
  func `a single weight file may have any name`(name: String) throws {
    try folder.write(Self.file(["a"]), to: name)
    #expect(try Checkpoint(path: folder.path).files.map(\.name) == [name])
  }

  @Test func `several weight files without an index are refused`() throws {
    try folder.write(Self.file(["a"]), to: "one.safetensors")
    try folder.write(Self.file(["b"]), to: "two.safetensors")
    #expect(
      refusal()
        == "DIR: no model.safetensors and no model.safetensors.index.json in this folder, but "
        + "several other weight files; name one of them")
  }

  @Test func `a folder without weights, and one with torch files only, say so`() throws {
    let missing = "DIR: no model.safetensors and no model.safetensors.index.json in this folder"
    #expect(refusal() == missing)
    try folder.write("", to: "pytorch_model.bin")
    #expect(
      refusal()
        == missing + ", only PyTorch files; save the model again with safe_serialization=True")
  }

  @Test func `nothing at the path is the system's error`() {
    #expect(refusal("missing") == "DIR/missing: stat: No such file or directory")
  }

  @Test func `a damaged file is named with its offset`() throws {
    try folder.write(Self.file(["a"]).dropLast(), to: "model.safetensors")
    let end = Self.file(["a"]).count - 1
    #expect(
      refusal()
        == "DIR/model.safetensors: byte \(end): tensor 'a' ends 1 bytes past the file; the file "
        + "is incomplete, download it again")
  }

  // MARK: Shards

  @Test func `shards are one checkpoint, files and tensors in their order`() throws {
    try folder.write(Self.file(["z"]), to: "a.safetensors")
    try folder.write(Self.file(["y", "x"]), to: "b.safetensors")
    try writeIndex(#"{"x":"b.safetensors","y":"b.safetensors","z":"a.safetensors"}"#)
    let checkpoint = try Checkpoint(path: folder.path)
    #expect(checkpoint.indexName == Self.index)
    #expect(checkpoint.files.map(\.name) == ["a.safetensors", "b.safetensors"])
    #expect(checkpoint.tensors.map(\.name) == ["z", "y", "x"])
    #expect(checkpoint.tensors.map(\.fileIndex) == [0, 1, 1])
  }

  /// The index, and the complaint after "DIR/".
  static let indices: [(map: String, complaint: String)] = [
    (
      #"{"x":"a.safetensors","y":"b.safetensors","q":"b.safetensors"}"#,
      "\(index): tensor 'q' is not in b.safetensors, nor in any other shard"
    ),
    (
      #"{"x":"a.safetensors","y":"a.safetensors","z":"b.safetensors"}"#,
      "\(index): tensor 'y' is in b.safetensors, not in a.safetensors"
    ),
    (
      #"{"x":"a.safetensors","y":"b.safetensors"}"#,
      "\(index): tensor 'z' is in b.safetensors, but not in the index"
    ),
    (
      #"{"x":"a.safetensors","y":"doubled.safetensors"}"#,
      "doubled.safetensors: tensor 'x' is also in a.safetensors"
    ),
    (
      #"{"x":"gone.safetensors"}"#, "gone.safetensors: open: No such file or directory"
    ),
    (#"{}"#, "\(index): it has no weight_map"),
    (#"[]"#, "\(index): it has no weight_map"),
    (#"null"#, "\(index): it has no weight_map"),
    (#"{"x":1}"#, "\(index): byte 47: tensor 'x' is not given a file of the same folder"),
    (
      #"{"x":"a.safetensors","x":"a.safetensors"}"#,
      "\(index): byte 66: not JSON: duplicate object key near '\"x\"'"
    ),
  ]

  @Test(arguments: indices)
  func `an index that does not fit its shards is refused`(map: String, complaint: String) throws {
    try folder.write(Self.file(["x"]), to: "a.safetensors")
    try folder.write(Self.file(["y", "z"]), to: "b.safetensors")
    try folder.write(Self.file(["y", "x"]), to: "doubled.safetensors")
    try writeIndex(map)
    #expect(refusal() == "DIR/" + complaint)
  }

  @Test(arguments: [
    "../outside.safetensors", "sub/a.safetensors", "/etc/passwd", "..", ".", "",
    #"a.safetensors\u0000"#, #"../\u0301a.safetensors"#,
  ])
  func `a shard's name never leads out of the folder`(name: String) throws {
    try folder.write(Self.file(["x"]), to: "sub/a.safetensors")
    try writeIndex(#"{"x":"\#(name)"}"#)
    let complaint = try #require(refusal())
    #expect(
      complaint == "DIR/\(Self.index): byte 47: tensor 'x' is not given a file of the same folder"
        || complaint.contains("not JSON"))
  }

  @Test func `an index that is a Git LFS pointer is named as such`() throws {
    try folder.write("version https://git-lfs.github.com/spec/v1\n", to: Self.index)
    #expect(refusal()?.contains("Git LFS pointer") == true)
  }

  @Test func `shards are read through links, as in a hub's cache`() throws {
    try folder.write(Self.file(["x"]), to: "blobs/0123")
    try FileManager.default.createDirectory(
      atPath: folder.path("snapshot"), withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("snapshot/model.safetensors"), withDestinationPath: "../blobs/0123")
    #expect(try Checkpoint(path: folder.path("snapshot")).tensors.map(\.name) == ["x"])
  }
}
