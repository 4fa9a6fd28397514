/// Writes GRADIEND checkpoints in the layout of the research code.
package struct OlderGradiendBuilder {
  package struct Layer {
    package var name: String
    package var shape: [Int]
    /// One value an element; nil for the whole of it.
    package var mask: [UInt8]?

    package init(_ name: String, _ shape: [Int], mask: [UInt8]? = nil) {
      self.name = name
      self.shape = shape
      self.mask = mask
    }

    package var selectedCount: Int { mask.map { $0.count { $0 != 0 } } ?? shape.reduce(1, *) }
  }

  /// In the order of their entries; masked ones have masks, all of them.
  package var layers: [Layer]
  /// What the configuration lists in place of their names.
  package var listedNames: [String]?
  package var hasOldestKeys = false
  package var biasExists = true
  /// Replacements in the text of the configuration, each of which must find something.
  package var edits: [(old: String, new: String)] = []
  /// Weights beyond those of a GRADIEND.
  package var extraWeights: [(name: String, shape: [Int])] = []
  private var generator: SeededGenerator

  package init(_ layers: [Layer], seed: UInt64 = 1) {
    self.layers = layers
    generator = SeededGenerator(seed: seed)
  }

  package var entryCount: Int { layers.reduce(0) { $0 + $1.selectedCount } }

  /// Writes the checkpoint into the folder `name`.
  ///
  /// - Returns: its path, and the decoder's weights and biases, one of each an entry.
  package mutating func write(
    to folder: TemporaryDirectory, as name: String
  ) throws -> (path: String, weights: [Float], biases: [Float]) {
    let infix = hasOldestKeys ? "" : ".linear"
    var file = TorchFileBuilder()
    file.folder = "pytorch_model"
    file.isStateDictionary = true
    let (weights, biases) = (floats(entryCount), floats(entryCount))
    file.add("encoder.0\(infix).weight", shape: [1, entryCount], floats: floats(entryCount))
    file.add("encoder.0\(infix).bias", shape: [1], floats: floats(1))
    file.add("decoder.0\(infix).weight", shape: [entryCount, 1], floats: weights)
    if biasExists { file.add("decoder.0\(infix).bias", shape: [entryCount], floats: biases) }
    for (name, shape) in extraWeights {
      file.add(name, shape: shape, floats: floats(shape.reduce(1, *)))
    }
    try folder.write(file.bytes, to: name + "/pytorch_model.bin")

    var masks = TorchFileBuilder()
    masks.folder = "layers"
    for layer in layers {
      if let mask = layer.mask { masks.add(layer.name, "BOOL", layer.shape, mask) }
    }
    if !masks.tensors.isEmpty { try folder.write(masks.bytes, to: name + "/layers.pth") }
    try folder.write(configuration(isMasked: !masks.tensors.isEmpty), to: name + "/config.json")
    return (folder.path(name), weights, biases)
  }

  private func configuration(isMasked: Bool) throws -> String {
    struct UselessEdit: Error { let old: String }
    let names = (listedNames ?? layers.map(\.name)).map { #""\#($0)""# }.joined(separator: ",")
    var text =
      #"{"input_dim":\#(entryCount),"latent_dim":1,"layers":[\#(names)],"activation":"tanh","#
      + #""activation_decoder":"id","bias_decoder":true,"base_model":"base","loss":NaN"#
      + (isMasked ? #","layers_path":"layers.pth"}"# : "}")
    for edit in edits {
      guard text.contains(edit.old) else { throw UselessEdit(old: edit.old) }
      text = text.replacing(edit.old, with: edit.new)
    }
    return text
  }

  private mutating func floats(_ count: Int) -> [Float] {
    (0..<count).map { _ in Float.random(in: -1...1, using: &generator) }
  }
}
