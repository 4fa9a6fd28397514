/// Writes GRADIEND checkpoints of any shape, sound ones and such with one thing wrong.
package struct GradiendBuilder {
  package enum Selection {
    case all
    /// One value an element, selected unless zero.
    case mask([UInt8])
    case indices([Int])
  }

  package struct Parameter {
    package var name: String
    package var shape: [Int]
    package var selection: Selection

    package init(_ name: String, _ shape: [Int], _ selection: Selection = .all) {
      self.name = name
      self.shape = shape
      self.selection = selection
    }

    package var selectedCount: Int {
      switch selection {
      case .all: shape.reduce(1, *)
      case .mask(let mask): mask.count { $0 != 0 }
      case .indices(let indices): indices.count
      }
    }

    fileprivate var representation: String {
      switch selection {
      case .all: "all"
      case .mask: "mask"
      case .indices: "indices"
      }
    }
  }

  package var parameters: [Parameter]
  package var latentCount: Int
  package var activation = "id"
  package var hasBias = true
  /// The decoder's weight, for tests that need to know it; otherwise random numbers.
  package var decoderWeight: [Float]?
  /// Replacements in the text of the configuration, each of which must find something.
  package var edits: [(old: String, new: String)] = []
  private var generator: SeededGenerator

  package init(_ parameters: [Parameter], latentCount: Int = 1, seed: UInt64 = 1) {
    self.parameters = parameters
    self.latentCount = latentCount
    generator = SeededGenerator(seed: seed)
  }

  package var entryCount: Int { parameters.reduce(0) { $0 + $1.selectedCount } }

  /// Writes the checkpoint into the folder `name`.
  ///
  /// - Returns: the path of that folder.
  @discardableResult
  package mutating func write(to folder: TemporaryDirectory, as name: String) throws -> String {
    var weights = SafetensorsBuilder()
    weights.add(
      "encoder.0.linear.weight", shape: [latentCount, entryCount],
      floats: floats(latentCount * entryCount))
    weights.add("encoder.0.linear.bias", shape: [latentCount], floats: floats(latentCount))
    weights.add(
      "decoder.0.linear.weight", shape: [entryCount, latentCount],
      floats: decoderWeight ?? floats(latentCount * entryCount))
    if hasBias {
      weights.add("decoder.0.linear.bias", shape: [entryCount], floats: floats(entryCount))
    }
    try folder.write(weights.bytes, to: name + "/model.safetensors")
    try folder.write(configuration(), to: name + "/config.json")

    var (masks, indices) = (SafetensorsBuilder(), SafetensorsBuilder())
    for (position, parameter) in parameters.enumerated() {
      switch parameter.selection {
      case .all: break
      case .mask(let mask): masks.add("L\(position)", "U8", parameter.shape, mask)
      case .indices(let list):
        indices.add(
          "L\(position)", "I32", [list.count],
          SafetensorsBuilder.littleEndian(list.map { Int32($0) }))
      }
    }
    try folder.write(masks.bytes, to: name + "/masks.safetensors")
    try folder.write(indices.bytes, to: name + "/indices.safetensors")
    return folder.path(name)
  }

  /// The text of `config.json`, without white space.
  private func configuration() throws -> String {
    struct UselessEdit: Error { let old: String }
    let entries = parameters.enumerated().map { position, parameter in
      let key = if case .all = parameter.selection { "" } else { #""key":"L\#(position)","# }
      return #"{"name":"\#(parameter.name)","shape":\#(parameter.shape),"#
        + #""repr":"\#(parameter.representation)",\#(key)"#
        + #""num_selected":\#(parameter.selectedCount)}"#
    }
    var text =
      #"{"format_version":0,"architecture":{"input_dim":\#(entryCount),"#
      + #""latent_dim":\#(latentCount),"activation_encoder":"tanh","#
      + #""activation_decoder":"\#(activation)","bias_decoder":\#(hasBias),"#
      + #""torch_dtype":"float32"},"mapping":{"mode":"mixed","param_map":["#
      + entries.joined(separator: ",")
      + #"],"masks_file":"masks.safetensors","indices_file":"indices.safetensors"},"#
      + #""metadata":{"base_model":"base"}}"#
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
