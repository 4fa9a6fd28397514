import Checkpoints
import Gradiend
import TestSupport
import Testing

/// Checkpoints in the layout of the research code.
@Suite struct OlderCheckpointTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// Layers taken whole, one of them twice.
  static let whole = OlderGradiendBuilder([
    .init("a", [2, 2]), .init("b", [3]), .init("a", [2, 2]),
  ])
  static let masked = OlderGradiendBuilder([
    .init("m", [2, 3], mask: [1, 0, 1, 0, 0, 1]), .init("a", [2], mask: [0, 0]),
    .init("z", [1], mask: [1]),
  ])

  private func refusal(_ path: String) -> String? {
    do throws(CheckpointError) {
      _ = try GradiendCheckpoint(path: path)
      return nil
    } catch {
      return error.description.replacing(path + "/", with: "")
    }
  }

  private func refusal(_ builder: OlderGradiendBuilder) throws -> String? {
    var builder = builder
    return refusal(try builder.write(to: folder, as: "g").path)
  }

  private func refusal(
    _ builder: OlderGradiendBuilder, _ old: String, _ new: String
  ) throws -> String? {
    var builder = builder
    builder.edits = [(old, new)]
    return try refusal(builder)
  }

  // MARK: Sound checkpoints

  @Test func `whole layers have the shapes of a base, and entries for each time they are named`()
    throws
  {
    var builder = Self.whole
    let gradiend = try GradiendCheckpoint(path: builder.write(to: folder, as: "g").path)
    #expect(gradiend.configuration.layout == .older)
    #expect(gradiend.parameters.map(\.name) == ["a", "b", "a"])
    #expect(gradiend.parameters.allSatisfy { $0.shape == nil })
    #expect(gradiend.coverages == nil)
    let coverages = try gradiend.coverages(inShapes: [[2, 2], [3], [2, 2]])
    #expect(coverages.map(\.entries) == [0..<4, 4..<7, 7..<11])
  }

  @Test func `masked layers have the order and the shapes of their masks`() throws {
    var builder = Self.masked
    builder.listedNames = ["a", "m", "z"]
    let gradiend = try GradiendCheckpoint(path: builder.write(to: folder, as: "g").path)
    let coverages = try #require(gradiend.coverages)
    #expect(coverages.map(\.parameter.name) == ["m", "a", "z"])
    #expect(coverages.map(\.shape) == [[2, 3], [2], [1]])
    #expect(coverages.map(\.entries) == [0..<3, 3..<3, 3..<4])
  }

  @Test func `selected elements get their entries`() throws {
    var builder = Self.masked
    let (path, weights, biases) = try builder.write(to: folder, as: "g")
    let gradiend = try GradiendCheckpoint(path: path)
    let output = DecoderOutput(gradiend, part: .decoder, featureFactors: [2], learningRate: 0.5)
    let coverage = try #require(gradiend.coverages)[0]
    let update = try #require(TensorUpdate(output, coverage, type: .float32))
    let found = update.patched([UInt8](repeating: 0, count: 24), elementCount: 6)
    let entries = weights.indices.map { (weights[$0] * 2 + biases[$0]) * 0.5 }
    #expect(
      Floats(found, type: .float32).values == [entries[0], 0, entries[1], 0, 0, entries[2]])
  }

  @Test func `the oldest names of the weights are read`() throws {
    var builder = Self.masked
    builder.hasOldestKeys = true
    let (path, weights, _) = try builder.write(to: folder, as: "g")
    let gradiend = try GradiendCheckpoint(path: path)
    #expect(gradiend.tensor(.decoderBias)?.name == "decoder.0.bias")
    #expect(try gradiend.floats("decoder.0.linear.weight") == weights)
  }

  @Test(arguments: [
    (#""activation":"tanh","activation_decoder":"id""#, "\"activation_decoder\":null", "tanh"),
    (
      #""activation":"tanh","activation_decoder":"id""#,
      #""activation":"ReLU","activation_decoder":"""#, "relu"
    ),
    (#""activation_decoder":"id","#, "", "id"),
    (#""activation_decoder":"id""#, #""activation_decoder":"smht""#, "smht"),
  ])
  func `without an activation the decoder has the encoder's`(
    old: String, new: String, expected: String
  ) throws {
    var builder = Self.whole
    builder.edits = [(old, new)]
    let gradiend = try GradiendCheckpoint(path: builder.write(to: folder, as: "g").path)
    #expect(gradiend.configuration.activation.rawValue == expected)
  }

  @Test func `weights converted to safetensors are read where there are no others`() throws {
    var builder = Self.masked
    let path = try builder.write(to: folder, as: "g").path
    let torch = try TensorFile(path: path + "/pytorch_model.bin")
    var converted = SafetensorsBuilder()
    for tensor in torch.tensors {
      converted.add(
        tensor.name, tensor.elementType.name, tensor.shape,
        torch.file.bytes.extracting(tensor.byteRange).array)
    }
    try folder.write(converted.bytes, to: "g/model.safetensors")
    #expect(try GradiendCheckpoint(path: path).weights.path.hasSuffix(".bin"))
    try folder.remove("g/pytorch_model.bin")
    #expect(try GradiendCheckpoint(path: path).weights.path.hasSuffix(".safetensors"))
  }

  // MARK: Faults

  @Test func `masks that are named but missing are refused, not guessed`() throws {
    var builder = Self.masked
    let path = try builder.write(to: folder, as: "g").path
    try folder.remove("g/layers.pth")
    #expect(
      refusal(path)
        == "layers.pth: config.json says that this file has the masks of the layers, but it is "
        + "missing; without it nothing tells which elements the checkpoint covers")
  }

  @Test func `masks and layers of different names are refused`() throws {
    var builder = Self.masked
    builder.listedNames = ["m", "a", "z", "y"]
    #expect(
      try refusal(builder) == "layers.pth: there is no mask of 'y', a layer of config.json")
    builder.listedNames = ["m", "a"]
    #expect(
      try refusal(builder)
        == "layers.pth: there is a mask of 'z', which is no layer of config.json")
    builder.listedNames = ["m", "a", "z", "a"]
    #expect(
      try refusal(builder) == "config.json: layers names one twice, but each has one mask")
  }

  @Test func `masks that select another number are refused`() throws {
    #expect(
      try refusal(Self.masked, #""input_dim":4"#, #""input_dim":5"#)
        == "pytorch_model.bin: tensor 'encoder.0.linear.weight' has shape [1, 4], but config.json "
        + "needs [1, 5]")
    var builder = Self.masked
    let path = try builder.write(to: folder, as: "g").path
    var masks = TorchFileBuilder()
    masks.add("m", "BOOL", [2, 3], [1, 1, 1, 1, 1, 1])
    masks.add("a", "BOOL", [2], [0, 0])
    masks.add("z", "BOOL", [1], [1])
    try folder.write(masks.bytes, to: "g/layers.pth")
    #expect(
      refusal(path) == "config.json: input_dim is 4, but the map selects 7 entries")
  }

  @Test func `a base with more or fewer elements is refused`() throws {
    var builder = Self.whole
    let gradiend = try GradiendCheckpoint(path: builder.write(to: folder, as: "g").path)
    do throws(CheckpointError) {
      _ = try gradiend.coverages(inShapes: [[2, 2], [4], [2, 2]])
      Issue.record("accepted")
    } catch {
      #expect(error.reason == "input_dim is 11, but the base's layers have 12 elements")
    }
  }

  static let faults: [(old: String, new: String, complaint: String)] = [
    (#""latent_dim":1"#, #""latent_dim":0"#, "latent_dim is 0, not an integer above 0"),
    (#"["a","b","a"]"#, "[]", "layers is not a list, or empty: no weights are covered"),
    (#"["a","b","a"]"#, #"{"a":1}"#, "layers is not a list, or empty: no weights are covered"),
    (#"["a","b","a"]"#, #"["a",7]"#, "layers[1] is 7, not a name"),
    (#"["a","b","a"]"#, #"["a",""]"#, #"layers[1] is "", not a name"#),
    (#""bias_decoder":true"#, #""bias_decoder":0"#, "bias_decoder is 0, neither true nor false"),
    (
      #""loss":NaN"#, #""layers_path":"../layers.pth""#,
      #"layers_path is "../layers.pth", not the name of a file in the same folder"#
    ),
    (
      #""layers":"#, #""layer":"#,
      "'architecture' is missing; this is not a GRADIEND checkpoint"
    ),
  ]

  @Test(arguments: faults)
  func `a field that is wrong alone is named`(old: String, new: String, complaint: String) throws {
    #expect(try refusal(Self.whole, old, new) == "config.json: " + complaint)
  }

  @Test func `weights that are missing, there twice or too many are refused`() throws {
    var builder = Self.whole
    builder.extraWeights = [("decoder.0.weight", [11, 1])]
    #expect(
      try refusal(builder)
        == "pytorch_model.bin: tensor 'decoder.0.linear.weight' is there twice, also as "
        + "'decoder.0.weight'")
    builder = Self.whole
    builder.biasExists = false
    #expect(
      try refusal(builder) == "pytorch_model.bin: tensor 'decoder.0.linear.bias' is missing")
    #expect(
      try refusal(Self.whole, #""bias_decoder":true"#, #""bias_decoder":false"#)
        == "pytorch_model.bin: there is a 'decoder.0.linear.bias', but config.json says none")
  }

  @Test func `a checkpoint without weights is refused`() throws {
    var builder = Self.whole
    let path = try builder.write(to: folder, as: "g").path
    try folder.remove("g/pytorch_model.bin")
    #expect(refusal(path) == "\(path): there is no model.safetensors and no pytorch_model.bin")
  }
}
