import ByteIO
import Checkpoints
import Foundation
import GradiendPatch
import TestSupport

/// Readers of several files at once.
extension FuzzTarget {
  /// An index and its shards, or a split set of GGUF files.
  static let checkpoint = FuzzTarget(
    name: "checkpoint", byteLimit: 4096,
    seeds: {
      let model = RandomModel(seed: 3)
      let shards = model.shards(2).enumerated()
      var index = model.shardIndex(2)
      for (number, shard) in shards { index = index.replacing(shard.name, with: names[number]) }
      return [
        Parts.join([Array(index.utf8)] + model.shards(2).map(\.bytes)),
        Parts.join([
          Array(#"{"weight_map":{"a":"../a","b":"/b","":".."}}"#.utf8), SafetensorsBuilder().bytes,
        ]),
        Parts.join(splitSet(count: 2)), Parts.join(splitSet(count: 3)),
      ]
    },
    run: { bytes in
      let parts = Parts.split(bytes, limit: 4)
      let isSplit = parts[0].starts(with: Array("GGUF".utf8))
      let made =
        isSplit
        ? parts.indices.map { "m" + GGUFSplitName.ending($0 + 1, of: parts.count) }
        : parts.indices.map { $0 == 0 ? "model.safetensors.index.json" : names[$0 - 1] }
      for (name, part) in zip(made, parts) { files.write(part, to: name) }
      defer { for name in made { files.remove(name) } }
      let path = isSplit ? files.path(made[0]) : files.path
      guard let checkpoint = try? Checkpoint(path: path) else { return }
      for file in checkpoint.files {
        expect(made.contains(file.name), "'\(file.name)' is one of the folder's own files")
      }
      for tensor in checkpoint.tensors {
        let isInside =
          tensor.descriptor.byteRange.upperBound <= checkpoint.file(of: tensor).byteCount
        expect(isInside, "every tensor lies in its file")
        expect(checkpoint[tensor.name] != nil, "a tensor is found by its name")
      }
    })

  private static let files = ScratchFiles("checkpoint")
  private static let names = ["a.safetensors", "b.safetensors", "c.safetensors"]

  private static func splitSet(count: Int) -> [[UInt8]] {
    (0..<count).map { number in
      var builder = GGUFBuilder()
      builder.add("split.no", UInt16(number))
      builder.add("split.count", UInt16(count))
      builder.add("split.tensors.count", Int32(count))
      builder.tensors = [.init("t\(number)", [32, 2], type: 2, Array(repeating: 7, count: 36))]
      return builder.bytes
    }
  }

  /// A GRADIEND checkpoint, of which configuration, masks, indices and perhaps weights are any
  /// bytes; one that is accepted is carried out.
  static let gradiend = FuzzTarget(
    name: "gradiend", byteLimit: 4096,
    seeds: {
      let parts = gradiendParts
      let older =
        #"{"input_dim":16,"latent_dim":1,"layers":["a.weight","b.weight"],"#
        + #""activation":"tanh","activation_decoder":"id","bias_decoder":true,"loss":NaN}"#
      return [
        Parts.join(Array(parts[..<3])), Parts.join([parts[0]]), Parts.join([Array(older.utf8)]),
        Parts.join([severalLatents] + parts[1...2] + [gradiendWeights(latentCount: 3)]),
        Parts.join([Array(older.replacing("}", with: #","layers_path":"layers.pth"}"#).utf8)]),
        Parts.join([
          Array(older.replacing("}", with: #","layers_path":"layers.pth"}"#).utf8), olderMasks,
        ]),
      ]
        + (try texts(in: ReferenceData.folder(), named: "config.json")
          .filter { $0.firstRange(of: Array("input_dim".utf8)) != nil })
    },
    run: { bytes in
      var parts = Parts.split(bytes, limit: 4)
      while parts.count < 4 { parts.append(gradiendParts[parts.count]) }
      let isTorch = parts[1].starts(with: Array("PK".utf8))
      let made =
        [
          "config.json", isTorch ? "layers.pth" : "masks.safetensors", "indices.safetensors",
          "model.safetensors",
        ]
      for (name, part) in zip(made, parts) { gradiendFiles.write(part, to: name) }
      defer { if isTorch { gradiendFiles.remove("layers.pth") } }
      _ = try? Inspect(path: gradiendFiles.path).run()
      for featureFactors in [[-1], [1, 0.5, -2]] as [[Float]] {
        var creation = Create(
          base: base, gradiend: gradiendFiles.path, output: outputs.path("patch"),
          featureFactors: featureFactors, learningRate: 0.01)
        creation.overwrites = true
        creation.threadCount = 1
        _ = try? creation.run()
      }
    })

  private static let gradiendFiles = ScratchFiles("gradiend")
  private static let outputs = ScratchFiles("outputs")

  private static let base: String = {
    var builder = SafetensorsBuilder()
    builder.add("a.weight", shape: [2, 4], floats: [1, -2, 0.5, 0, 3, 4, 5, 6])
    builder.add("b.weight", "BF16", [8], Array(repeating: 0x3F, count: 16))
    return outputs.write(builder.bytes, to: "base.safetensors")
  }()

  /// Configuration, masks, indices and weights that agree.
  private static let gradiendParts: [[UInt8]] = {
    let config =
      #"{"format_version":0,"architecture":{"input_dim":16,"latent_dim":1,"#
      + #""activation_decoder":"tanh","bias_decoder":true,"torch_dtype":"float32"},"#
      + #""mapping":{"mode":"mixed","param_map":["#
      + #"{"name":"a.weight","shape":[2,4],"repr":"mask","key":"L0","num_selected":8},"#
      + #"{"name":"b.weight","shape":[8],"repr":"indices","key":"L1","num_selected":8}],"#
      + #""masks_file":"masks.safetensors","indices_file":"indices.safetensors"}}"#
    var masks = SafetensorsBuilder()
    masks.add("L0", "U8", [2, 4], Array(repeating: 1, count: 8))
    var indices = SafetensorsBuilder()
    indices.add("L1", "I32", [8], SafetensorsBuilder.littleEndian((0..<8).map { Int32($0) }))
    return [Array(config.utf8), masks.bytes, indices.bytes, gradiendWeights(latentCount: 1)]
  }()

  private static func gradiendWeights(latentCount: Int) -> [UInt8] {
    let floats = (0..<16 * latentCount).map { Float($0 % 16) / 8 - 1 }
    var weights = SafetensorsBuilder()
    weights.add("encoder.0.linear.weight", shape: [latentCount, 16], floats: floats)
    weights.add("decoder.0.linear.weight", shape: [16, latentCount], floats: floats)
    weights.add("decoder.0.linear.bias", shape: [16], floats: Array(floats[..<16]))
    return weights.bytes
  }

  /// A configuration that needs weights and feature factors for three latents.
  private static let severalLatents = Array(
    String(decoding: gradiendParts[0], as: UTF8.self)
      .replacing(#""latent_dim":1"#, with: #""latent_dim":3"#).utf8)

  private static let olderMasks: [UInt8] = {
    var masks = TorchFileBuilder()
    masks.add("a.weight", "BOOL", [2, 4], Array(repeating: 1, count: 8))
    masks.add("b.weight", "BOOL", [8], Array(repeating: 1, count: 8))
    return masks.bytes
  }()
}
