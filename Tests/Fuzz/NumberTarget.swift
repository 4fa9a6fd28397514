import PatchTestSupport
import ByteIO
import Checkpoints
import Foundation
import GradiendPatch
import TestSupport

extension FuzzTarget {
  /// Numbers of any size, wherever a reader looks for one: in the `config.json` beside a base and in
  /// that of a GRADIEND, in the keys of a GGUF, in the shapes of experts. Each takes ten bytes: which,
  /// its type in a GGUF, and its value.
  static let numbers = FuzzTarget(
    name: "numbers", byteLimit: 64,
    seeds: {
      let values: [Int64] = [-1, 0, 3, 1 << 31, 1 << 61, 1 << 62, .max, .min]
      func number(_ field: NumberStage.Field, _ value: Int64) -> [UInt8] {
        [field.rawValue, 6] + SafetensorsBuilder.littleEndian([value])
      }
      return NumberStage.Field.allCases.flatMap { field in values.map { number(field, $0) } }
        + values.map { number(.expertRows, $0) + number(.expertColumns, 0) }
    },
    run: { bytes in
      let stage = NumberStage.shared
      var reader = ByteReader(bytes)
      var numbers: [NumberStage.Field: NumberStage.Number] = [:]
      while let field = try? reader.read(UInt8.self), let type = try? reader.read(UInt8.self),
        let value = try? reader.read(Int64.self)
      {
        let fields = NumberStage.Field.allCases
        numbers[fields[Int(field) % fields.count]] = .init(value: value, type: type)
      }
      stage.patchSource(numbers)
      stage.patchGGUF(numbers)
      stage.create(numbers)
    })
}

/// Checkpoints that are sound but for some numbers.
private struct NumberStage {
  enum Field: UInt8, CaseIterable {
    case configuredHeads, configuredKeyHeads, textHeads
    case heads, keyHeads, alignment, splitCount, splitNumber, splitTensorCount
    case expertRows, expertColumns
    case entries, latents, firstDimension, secondDimension, selected
  }

  struct Number {
    let value: Int64
    let type: UInt8

    /// The number in a GGUF, in one of the eight types of integers.
    var stored: (type: Int32, bytes: [UInt8]) {
      let types: [(Int32, Int)] = [
        (0, 1), (1, 1), (2, 2), (3, 2), (4, 4), (5, 4), (10, 8), (11, 8),
      ]
      let (number, width) = types[Int(type) % types.count]
      return (number, Array(SafetensorsBuilder.littleEndian([value]).prefix(width)))
    }
  }

  static let shared: NumberStage = {
    do { return try NumberStage() } catch { fatalError("\(error)") }
  }()

  private let files = ScratchFiles("numbers")
  private let source = ScratchFiles("numbers-source")
  private let experts = ScratchFiles("numbers-experts")
  private let gradiend = ScratchFiles("numbers-gradiend")
  private let sourcePatch: String
  private let convertedPatch: String
  private let tensors: [GGUFBuilder.Tensor]

  private init() throws {
    sourcePatch = files.path("source-patch")
    convertedPatch = files.path("converted-patch")
    let converted = try ReferenceGGUF.path("pairs/llama-bf16.BF16.gguf")
    _ = try Diff(
      base: try ReferenceGGUF.path("hf/llama-bf16"),
      result: try ReferenceGGUF.path("hf/llama-bf16.sparse"), output: sourcePatch
    ).run()
    _ = try Diff(
      base: converted, result: try ReferenceGGUF.path("pairs/llama-bf16.sparse.BF16.gguf"),
      output: convertedPatch
    ).run()
    source.write(
      try FuzzTarget.file(try ReferenceGGUF.path("hf/llama-bf16/model.safetensors")),
      to: "model.safetensors")
    let checkpoint = try Checkpoint(path: converted)
    let types: [ElementType: Int32] = [.float32: 0, .float16: 1, .bfloat16: 30]
    tensors = checkpoint.tensors.map { tensor in
      let descriptor = tensor.descriptor
      return GGUFBuilder.Tensor(
        descriptor.name, descriptor.shape.reversed().map(Int64.init),
        type: types[descriptor.elementType] ?? 0,
        checkpoint.file(of: tensor).bytes.extracting(descriptor.byteRange).array)
    }
    experts.write(Array(#"{"model_type":"mixtral"}"#.utf8), to: "config.json")
    var weights = SafetensorsBuilder()
    weights.add("encoder.0.linear.weight", shape: [1, 16], floats: Array(repeating: 1, count: 16))
    weights.add("decoder.0.linear.weight", shape: [16, 1], floats: Array(repeating: 1, count: 16))
    gradiend.write(weights.bytes, to: "model.safetensors")
  }

  /// A patch of a GGUF on the checkpoint that this was converted from.
  func patchSource(_ numbers: [Field: Number]) {
    func value(_ field: Field, _ usual: Int64) -> Int64 { numbers[field]?.value ?? usual }
    let inner = numbers[.textHeads].map { #","text_config":{"num_attention_heads":\#($0.value)}"# }
    let heads = inner == nil ? #""num_attention_heads":\#(value(.configuredHeads, 4)),"# : ""
    let text =
      #"{"model_type":"llama",\#(heads)"# + "\n"
      + #""num_key_value_heads":\#(value(.configuredKeyHeads, 2))\#(inner ?? "")}"#
    source.write(Array(text.utf8), to: "config.json")
    apply(convertedPatch, to: source.path)
  }

  /// A patch of a checkpoint on the GGUF that was converted from it.
  func patchGGUF(_ numbers: [Field: Number]) {
    var builder = GGUFBuilder()
    builder.tensors = tensors
    builder.add("general.architecture", "llama")
    for (field, key, usual) in [
      (.heads, "llama.attention.head_count", 4), (.keyHeads, "llama.attention.head_count_kv", 2),
      (.alignment, "general.alignment", nil), (.splitCount, "split.count", nil),
      (.splitNumber, "split.no", nil), (.splitTensorCount, "split.tensors.count", nil),
    ] as [(Field, String, Int64?)] {
      guard let number = numbers[field] ?? usual.map({ Number(value: $0, type: 4) }) else {
        continue
      }
      builder.add(key, type: number.stored.type, number.stored.bytes)
    }
    apply(sourcePatch, to: files.write(builder.bytes, to: "model.gguf"))
  }

  private func apply(_ patch: String, to checkpoint: String) {
    var patching = Patching(
      .apply, checkpoint: checkpoint, patch: patch, output: files.path("output"))
    patching.overwrites = true
    patching.threadCount = 1
    _ = try? patching.run()
    _ = try? Verify(checkpoint: checkpoint, patch: patch).run()
  }

  /// A patch from a GRADIEND on a model with experts, which may have no elements but many rows.
  func create(_ numbers: [Field: Number]) {
    func value(_ field: Field, _ usual: Int64) -> Int64 { numbers[field]?.value ?? usual }
    var base = SafetensorsBuilder()
    let shape = [value(.expertRows, 2), value(.expertColumns, 2)].map(Int.init)
    for expert in 0..<2 {
      for part in ["w1", "w2", "w3"] {
        base.add(
          "model.layers.0.block_sparse_moe.experts.\(expert).\(part).weight", "F32", shape,
          shape == [2, 2] ? Array(repeating: 1, count: 16) : [])
      }
    }
    experts.write(base.bytes, to: "model.safetensors")
    let dimensions = [2, value(.firstDimension, 4), value(.secondDimension, 2)]
    let config =
      #"{"format_version":0,"architecture":{"input_dim":\#(value(.entries, 16)),"#
      + #""latent_dim":\#(value(.latents, 1)),"bias_decoder":false},"mapping":{"param_map":["#
      + #"{"name":"model.layers.0.mlp.experts.gate_up_proj","shape":\#(dimensions),"#
      + #""repr":"all","num_selected":\#(value(.selected, 16))}]}}"#
    gradiend.write(Array(config.utf8), to: "config.json")
    var creation = Create(
      base: experts.path, gradiend: gradiend.path, output: files.path("patch"),
      featureFactors: [-1], learningRate: 0.01)
    creation.overwrites = true
    creation.threadCount = 1
    _ = try? creation.run()
  }
}
