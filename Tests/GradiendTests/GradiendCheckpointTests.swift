import Checkpoints
import Gradiend
import TestSupport
import Testing

/// A checkpoint whose configuration is sound, but not what lies beside it.
@Suite struct GradiendCheckpointTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// A checkpoint of `a` by indices and `m` by a mask, each of 4 elements, 2 of them selected.
  static let builder = GradiendBuilder([
    .init("a", [2, 2], .indices([3, 1])), .init("m", [2, 2], .mask([1, 0, 0, 1])),
  ])

  /// What is wrong with the checkpoint when one of its files is replaced.
  private func refusal(_ name: String, _ contents: SafetensorsBuilder) throws -> String? {
    var builder = Self.builder
    let path = try builder.write(to: folder, as: "g")
    try folder.write(contents.bytes, to: "g/" + name)
    return refusal(path)
  }

  private func refusal(_ path: String) -> String? {
    do throws(CheckpointError) {
      _ = try GradiendCheckpoint(path: path)
      return nil
    } catch {
      return error.description.replacing(path + "/", with: "")
    }
  }

  // MARK: Masks and indices

  static let masks: [(type: String, shape: [Int], bytes: [UInt8], complaint: String?)] = [
    ("U8", [2, 2], [1, 0, 0, 1], nil),
    ("BOOL", [2, 2], [1, 0, 0, 1], nil),
    ("U8", [4], [0, 255, 2, 0], nil),
    (
      "I8", [2, 2], [1, 0, 0, 1], "mask 'L1' is I8 [2, 2], but parameter 'm' needs U8 [2, 2]"
    ),
    ("U8", [2], [1, 1], "mask 'L1' is U8 [2], but parameter 'm' needs U8 [2, 2]"),
    ("U8", [4, 1], [1, 0, 0, 1], "mask 'L1' is U8 [4, 1], but parameter 'm' needs U8 [2, 2]"),
    (
      "U8", [1, 2, 2], [1, 0, 0, 1], "mask 'L1' is U8 [1, 2, 2], but parameter 'm' needs U8 [2, 2]"
    ),
  ]

  @Test(arguments: masks.indices)
  func `a mask is bytes in the parameter's shape, or flat`(index: Int) throws {
    let mask = Self.masks[index]
    var contents = SafetensorsBuilder()
    contents.add("L1", mask.type, mask.shape, mask.bytes)
    #expect(
      try refusal("masks.safetensors", contents)
        == mask.complaint.map { "masks.safetensors: " + $0 })
  }

  @Test func `a mask that selects another number is refused`() throws {
    var contents = SafetensorsBuilder()
    contents.add("L1", "U8", [2, 2], [1, 1, 0, 1])
    #expect(
      try refusal("masks.safetensors", contents)
        == "config.json: parameter 'm': num_selected is 2, but its map selects 3")
  }

  static let indices: [(indices: [Int], complaint: String?)] = [
    ([0, 3], nil), ([3, 0], nil),
    ([0, 4], "4 is not in 0 ..< 4"), ([-1, 0], "-1 is not in 0 ..< 4"),
    ([2, 2], "2 occurs twice"), ([.max, 0], "\(Int.max) is not in 0 ..< 4"),
  ]

  @Test(arguments: indices)
  func `indices are elements of the parameter, each once`(
    indices: [Int], complaint: String?
  ) throws {
    var contents = SafetensorsBuilder()
    contents.add("L0", "I64", [2], SafetensorsBuilder.littleEndian(indices.map { Int64($0) }))
    #expect(
      try refusal("indices.safetensors", contents)
        == complaint.map { "indices.safetensors: indices 'L0' of parameter 'a': " + $0 })
  }

  @Test func `one element more or less is refused`() throws {
    for count in [0, 1, 3] {
      var contents = SafetensorsBuilder()
      let list = (0..<count).map { Int32($0) }
      contents.add("L0", "I32", [count], SafetensorsBuilder.littleEndian(list))
      #expect(
        try refusal("indices.safetensors", contents)
          == "config.json: parameter 'a': num_selected is 2, but its map selects \(count)")
    }
  }

  static let indexTypes: [(type: String, shape: [Int], byteCount: Int)] = [
    ("I16", [2], 4), ("U32", [2], 8), ("F32", [2], 8), ("I32", [2, 1], 8), ("I32", [], 4),
  ]

  @Test(arguments: indexTypes.indices)
  func `indices of another type or rank are refused`(index: Int) throws {
    let (type, shape, byteCount) = Self.indexTypes[index]
    var contents = SafetensorsBuilder()
    contents.add("L0", type, shape, Array(repeating: 0, count: byteCount))
    #expect(
      try refusal("indices.safetensors", contents)
        == "indices.safetensors: indices 'L0' of parameter 'a': \(type) \(shape), not a list of "
        + "I32 or I64")
  }

  @Test func `a mapping file without the tensor is refused`() throws {
    #expect(
      try refusal("masks.safetensors", SafetensorsBuilder())
        == "masks.safetensors: there is no tensor 'L1', the mask of 'm'")
    #expect(
      try refusal("indices.safetensors", SafetensorsBuilder())
        == "indices.safetensors: there is no tensor 'L0', the indices of 'a'")
  }

  @Test func `parameters too large to count are refused`() throws {
    var builder = GradiendBuilder([.init("a", [1]), .init("b", [2])])
    builder.edits = [
      (#""shape":[1]"#, #""shape":[4611686018427387904]"#),
      (#""shape":[2]"#, #""shape":[4611686018427387904]"#),
      (#","num_selected":1"#, ""), (#","num_selected":2"#, ""),
    ]
    #expect(
      refusal(try builder.write(to: folder, as: "g"))
        == "config.json: parameter 'b': the entries up to here overflow")
  }

  @Test(arguments: ["config.json", "masks.safetensors", "indices.safetensors"])
  func `random mutations never trap`(name: String) throws {
    var builder = Self.builder
    let path = try builder.write(to: folder, as: "g")
    let sound = try folder.bytes(of: "g/" + name)
    var generator = SeededGenerator(seed: 23)
    var acceptedCount = 0
    for _ in 0..<300 {
      var bytes = sound
      for _ in 0..<Int.random(in: 1...2, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0...3, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes[place] = Array("{}[]\",:0129- ".utf8).randomElement(using: &generator) ?? 0
        case 2: bytes.remove(at: place)
        default: bytes.insert(bytes[place], at: place)
        }
      }
      try folder.write(bytes, to: "g/" + name)
      if refusal(path) == nil { acceptedCount += 1 }
    }
    #expect(acceptedCount < 180)
  }

  // MARK: Weights

  /// A tensor of the weights, what replaces it, and the complaint.
  static let weights: [(name: String, type: String?, shape: [Int], complaint: String?)] = [
    ("encoder.0.linear.bias", nil, [], nil),
    ("decoder.0.linear.weight", "BF16", [4, 1], nil),
    ("decoder.0.linear.weight", nil, [], "is missing"),
    ("decoder.0.linear.bias", nil, [], "is missing"),
    ("encoder.0.linear.weight", nil, [], "is missing"),
    (
      "decoder.0.linear.weight", "F32", [1, 4],
      "has shape [1, 4], but config.json needs [4, 1]"
    ),
    ("decoder.0.linear.bias", "F32", [3], "has shape [3], but config.json needs [4]"),
    ("decoder.0.linear.bias", "F64", [4], "is F64, not F32, F16 or BF16"),
    ("decoder.0.linear.weight", "I8", [4, 1], "is I8, not F32, F16 or BF16"),
  ]

  @Test(arguments: weights.indices)
  func `a weight that is missing, or of another shape or type, is refused`(index: Int) throws {
    let change = Self.weights[index]
    var contents = SafetensorsBuilder()
    for (name, shape) in [
      ("encoder.0.linear.weight", [1, 4]), ("encoder.0.linear.bias", [1]),
      ("decoder.0.linear.weight", [4, 1]), ("decoder.0.linear.bias", [4]),
    ] {
      let isChanged = name == change.name
      guard let type = isChanged ? change.type : "F32" else { continue }
      let newShape = isChanged ? change.shape : shape
      let width = ["F32": 4, "BF16": 2, "F64": 8, "I8": 1][type] ?? 0
      let byteCount = newShape.reduce(width, *)
      contents.add(name, type, newShape, Array(repeating: 0, count: byteCount))
    }
    #expect(
      try refusal("model.safetensors", contents)
        == change.complaint.map { "model.safetensors: tensor '\(change.name)' " + $0 })
  }

  @Test func `a bias that the configuration denies is refused`() throws {
    var builder = Self.builder
    builder.edits = [(#""bias_decoder":true"#, #""bias_decoder":false"#)]
    #expect(
      refusal(try builder.write(to: folder, as: "g"))
        == "model.safetensors: there is a 'decoder.0.linear.bias', but config.json says none")
  }

  @Test func `weights may lie in a subfolder`() throws {
    var builder = Self.builder
    let path = try builder.write(to: folder, as: "g")
    let weights = try folder.bytes(of: "g/model.safetensors")
    try folder.write(weights, to: "g/model/model.safetensors")
    try folder.remove("g/model.safetensors")
    #expect(refusal(path) == nil)
    try folder.remove("g/model/model.safetensors")
    #expect(refusal(path) == "\(path): there is no model.safetensors and no pytorch_model.bin")
  }

  // MARK: Torch files

  @Test(arguments: ["", "model/"])
  func `a checkpoint in torch files is the one in safetensors`(place: String) throws {
    var builder = Self.builder
    builder.edits = [
      ("masks.safetensors", "mapping_masks.pth"), ("indices.safetensors", "mapping_indices.pth"),
    ]
    let path = try builder.write(to: folder, as: "g")
    let values = try TensorFile(path: path + "/model.safetensors").tensors.count
    try convert("model.safetensors", to: place + "pytorch_model.bin")
    try convert("masks.safetensors", to: "mapping_masks.pth")
    try convert("indices.safetensors", to: "mapping_indices.pth")
    let gradiend = try GradiendCheckpoint(path: path)
    #expect(gradiend.weights.path == path + "/" + place + "pytorch_model.bin")
    #expect(gradiend.weights.tensors.count == values)
    let coverages = try #require(gradiend.coverages)
    let output = DecoderOutput(gradiend, part: .decoderBias, featureFactors: [0], learningRate: 1)
    let found = try coverages.map { coverage in
      let update = try #require(TensorUpdate(output, coverage, type: .float32))
      let patched = update.patched([UInt8](repeating: 0, count: 16), elementCount: 4)
      return Floats(patched, type: .float32).values
    }
    let biases = try gradiend.floats("decoder.0.linear.bias")
    #expect(found == [[0, biases[1], 0, biases[0]], [biases[2], 0, 0, biases[3]]])
  }

  /// Writes the tensors of a safetensors file as torch does, and removes it.
  private func convert(_ name: String, to torchName: String) throws {
    let source = try TensorFile(path: folder.path("g/" + name))
    var target = TorchFileBuilder()
    for tensor in source.tensors {
      target.add(
        tensor.name, tensor.elementType.name, tensor.shape,
        source.file.bytes.extracting(tensor.byteRange).array)
    }
    try folder.remove("g/" + name)
    try folder.write(target.bytes, to: "g/" + torchName)
  }

  @Test func `safetensors are preferred, and so is what lies beside the configuration`() throws {
    var builder = Self.builder
    let path = try builder.write(to: folder, as: "g")
    try folder.write("", to: "g/pytorch_model.bin")
    #expect(refusal(path) == nil)
    let weights = try folder.bytes(of: "g/model.safetensors")
    try folder.write(weights, to: "g/model/model.safetensors")
    try folder.remove("g/model.safetensors")
    #expect(
      refusal(path) == "pytorch_model.bin: byte 0: the file is empty; download it again")
  }

  @Test func `the oldest names of weights are not those of format 0`() throws {
    var builder = Self.builder
    let path = try builder.write(to: folder, as: "g")
    var contents = SafetensorsBuilder()
    contents.add("encoder.0.weight", shape: [1, 4], floats: [0, 0, 0, 0])
    contents.add("decoder.0.weight", shape: [4, 1], floats: [0, 0, 0, 0])
    contents.add("decoder.0.bias", shape: [4], floats: [0, 0, 0, 0])
    try folder.write(contents.bytes, to: "g/model.safetensors")
    #expect(
      refusal(path) == "model.safetensors: tensor 'encoder.0.linear.weight' is missing")
  }
}
