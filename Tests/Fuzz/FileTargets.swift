import ByteIO
import Checkpoints
import Foundation
import PatchFormat
import TestSupport

/// Readers of one file.
extension FuzzTarget {
  static let json = FuzzTarget(
    name: "json", byteLimit: 1024,
    seeds: {
      try texts(in: ReferenceData.folder(), named: ".json")
        + [
          #"{"a":[1,-0.5e-3,1E400,"\ud83d\ude00\u0000",null,true],"a":{}}"#,
          #"{"a":NaN,"b":123456789012345678901}"#,
        ]
        .map { Array($0.utf8) }
    },
    run: { bytes in
      _ = try? JSONValue(parsingPython: bytes)
      guard let value = try? JSONValue(parsing: bytes) else { return }
      let text = Array(value.text().utf8)
      expect((try? JSONValue(parsing: text.rawSpan)) == value, "JSON reads back as it was")
    })

  static let safetensors = FuzzTarget(
    name: "safetensors", byteLimit: 2048,
    seeds: {
      [
        RandomModel(seed: 1).file(), RandomModel(seed: 2).shards(4)[0].bytes,
        SafetensorsBuilder().bytes,
      ]
        + [
          #"{"a":{"dtype":"F4","shape":[3,0],"data_offsets":[0,0]},"__metadata__":{"é":"1"}}"#,
          #"{"a":{"dtype":"I64","shape":[1152921504606846976,8,0],"data_offsets":[0,0]}}  "#,
          #"{"a":{"dtype":"BOOL","shape":[],"data_offsets":[0,9223372036854775807]}}"#,
        ].map { SafetensorsBuilder.file(header: $0) }
    },
    run: { bytes in
      guard let header = try? SafetensorsHeader(parsing: bytes) else { return }
      var end = header.payloadOffset
      for tensor in header.tensors {
        expect(tensor.byteRange.lowerBound == end, "tensors lie one after the other")
        expect(isFull(tensor), "a tensor has the bytes of its shape")
        end = tensor.byteRange.upperBound
      }
      expect(end == bytes.byteCount, "every byte belongs to one tensor")
      _ = try? PatchMetadata(parsing: header)
    })

  static let gguf = FuzzTarget(
    name: "gguf", byteLimit: 2048,
    seeds: { try ReferenceGGUF.oddFiles().map { try file($0.path) } },
    run: { bytes in
      guard let header = try? GGUFHeader(parsing: bytes) else { return }
      var end = 0
      for tensor in header.tensors {
        expect(tensor.byteRange.lowerBound >= end, "tensors do not overlap")
        expect(isFull(tensor), "a tensor has the bytes of its shape")
        end = tensor.byteRange.upperBound
      }
      expect(end <= bytes.byteCount, "every tensor lies in the file")
      for metadatum in header.metadata { _ = metadatum.value.description }
    })

  static let torch = FuzzTarget(
    name: "torch", byteLimit: 2048, seeds: { try torchFixtures() + [torchFile.bytes] },
    run: checkTorch)

  /// The pickle in an archive that is sound.
  static let pickle = FuzzTarget(
    name: "pickle", byteLimit: 1024,
    seeds: {
      // The pickle is the first entry, behind its local header, in all that Python wrote.
      try (torchFixtures() + [torchFile.bytes]).compactMap { file in
        guard file.count > 30, file[..<2] == [0x50, 0x4B] else { return nil }
        let start = 30 + Int(file[26]) + Int(file[28])
        guard let end = file.lastIndex(of: UInt8(ascii: ".")), start < end else { return nil }
        return Array(file[start...end].prefix(1024))
      }
    },
    run: { bytes in
      checkTorch(torchFile.archive(pickle: bytes.array).bytes.rawSpan)
    })

  // MARK: Parts

  private static let torchFile: TorchFileBuilder = {
    var builder = TorchFileBuilder()
    builder.isStateDictionary = true
    builder.add("encoder.0.linear.weight", shape: [1, 4], floats: [1, 2, 3, 4])
    builder.add("mask", "BOOL", [3], [1, 0, 1])
    builder.add("indices", "I64", [2], Array(repeating: 1, count: 16))
    return builder
  }()

  @Sendable private static func checkTorch(_ bytes: RawSpan) {
    guard let file = try? TorchFile(parsing: bytes) else { return }
    for tensor in file.tensors {
      expect(tensor.byteRange.lowerBound >= 0, "a tensor does not start before the file")
      expect(tensor.byteRange.upperBound <= bytes.byteCount, "every tensor lies in the file")
      expect(isFull(tensor), "a tensor has the bytes of its shape")
    }
  }

  private static func isFull(_ tensor: TensorDescriptor) -> Bool {
    tensor.elementType.byteCount(of: tensor.shape) == tensor.byteRange.count
  }

  static func file(_ path: String) throws -> [UInt8] {
    try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
  }

  private static func torchFixtures() throws -> [[UInt8]] {
    try Folder.names(in: Fixtures.path("torch")).map { try file(Fixtures.path("torch/" + $0)) }
  }

  /// The files in a folder and below whose names end so.
  static func texts(in folder: String, named ending: String) throws -> [[UInt8]] {
    try FileManager.default.subpathsOfDirectory(atPath: folder).sorted()
      .filter { $0.hasSuffix(ending) }.map { try file(folder + "/" + $0) }
  }
}
