internal import ByteIO
internal import Checkpoints

/// Reads fields of a GRADIEND's configuration, and says which one is wrong.
struct ConfigurationFields {
  let path: String
  let document: JSONValue

  func error(_ message: String) -> CheckpointError {
    CheckpointError(path: path, .inconsistent(message))
  }

  static func describe(_ value: JSONValue?) -> String {
    value.map { $0.text() } ?? "missing"
  }

  /// Whether the layout is that of the research code, which has no format version.
  var isOlder: Bool {
    document["architecture"] == nil && document["input_dim"] != nil && document["layers"] != nil
  }

  /// Newer checkpoints say whether they are about weights.
  func checkSignal() throws(CheckpointError) {
    for object in [document, document["metadata"] ?? .null]
    where [object["mapping_kind"], object["signal_space"]?["kind"]].contains(.string("activation"))
    {
      throw error(
        "this GRADIEND is of activations, which it changes while the model runs; it says nothing of "
          + "weights, so no patch can be made of it")
    }
  }

  func architecture() throws(CheckpointError) -> JSONValue {
    guard let architecture = document["architecture"], architecture.members != nil else {
      throw error("'architecture' is missing; this is not a GRADIEND checkpoint")
    }
    let format = document["format_version"]
    guard format == .integer(0) else {
      throw error("format_version is \(Self.describe(format)); this version reads 0")
    }
    return architecture
  }

  func mapping() throws(CheckpointError) -> JSONValue {
    guard let mapping = document["mapping"], mapping != .null else {
      throw error("'mapping' is missing: the checkpoint does not say which weights it covers")
    }
    try checkMode(mapping)
    return mapping
  }

  func positive(_ object: JSONValue, _ key: String) throws(CheckpointError) -> Int {
    guard let integer = object[key]?.integer, integer > 0 else {
      throw error("\(key) is \(Self.describe(object[key])), not an integer above 0")
    }
    return integer
  }

  func boolean(
    _ object: JSONValue, _ key: String, default fallback: Bool
  ) throws(CheckpointError) -> Bool {
    guard let value = object[key], value != .null else { return fallback }
    guard let boolean = value.boolean else {
      throw error("\(key) is \(Self.describe(value)), neither true nor false")
    }
    return boolean
  }

  func activation(_ architecture: JSONValue) throws(CheckpointError) -> Activation {
    let value = architecture["activation_decoder"] ?? .string(Activation.identity.rawValue)
    guard let name = value.string else {
      throw error(
        "activation_decoder is \(Self.describe(value)), not one of \(Self.activationNames)")
    }
    guard name.isEmpty else { return try activation(named: name) }
    return try activation(
      named: architecture["activation_encoder"]?.string ?? Activation.tanh.rawValue)
  }

  /// The older layout may have none, and then means the encoder's, whose case does not matter.
  func olderActivation() throws(CheckpointError) -> Activation {
    if document["activation_decoder"] != .null, document["activation_decoder"] != .string("") {
      return try activation(document)
    }
    return try activation(
      named: document["activation"]?.string?.lowercased() ?? Activation.tanh.rawValue)
  }

  private func activation(named name: String) throws(CheckpointError) -> Activation {
    guard let activation = Activation(rawValue: name) else {
      throw error(
        "activation_decoder is '\(name)', not one of \(Self.activationNames), in lower case")
    }
    return activation
  }

  private static let activationNames =
    Activation.allCases.map(\.rawValue).joined(separator: ", ")

  func elementType(_ architecture: JSONValue) throws(CheckpointError) -> ElementType {
    switch architecture["torch_dtype"]?.string ?? "float32" {
    case "bfloat16": return .bfloat16
    case "float16", "half": return .float16
    case "float64", "double": throw error("torch_dtype float64 is not supported")
    default: return .float32
    }
  }

  /// The mode repeats what the entries say. Another one would be a mapping of a newer kind.
  private func checkMode(_ mapping: JSONValue) throws(CheckpointError) {
    let modes = ["all", "mask", "indices", "mixed"]
    guard let value = mapping["mode"], value != .null else { return }
    guard let mode = value.string, modes.contains(mode) else {
      throw error(
        "mapping.mode is \(Self.describe(value)), not one of \(modes.joined(separator: ", "))")
    }
  }

  /// A file beside the configuration; anything that leads elsewhere is refused.
  func fileName(_ mapping: JSONValue, _ key: String) throws(CheckpointError) -> String? {
    guard let value = mapping[key], value != .null else { return nil }
    guard let name = value.string, Folder.isBareName(name) else {
      throw error("\(key) is \(Self.describe(value)), not the name of a file in the same folder")
    }
    return name
  }

  /// The layers of the older layout: whole parameters, each as often as it is named, or masked ones.
  func layers(
    areMasked: Bool
  ) throws(CheckpointError) -> [GradiendConfiguration.Parameter] {
    guard let layers = document["layers"]?.elements, !layers.isEmpty else {
      throw error("layers is not a list, or empty: no weights are covered")
    }
    return try layers.enumerated().map { (index, layer) throws(CheckpointError) in
      guard let name = layer.string, !name.isEmpty else {
        throw error("layers[\(index)] is \(Self.describe(layer)), not a name")
      }
      return GradiendConfiguration.Parameter(
        name: name, shape: nil, representation: areMasked ? .mask : .all,
        key: areMasked ? name : nil, selectedCount: nil)
    }
  }

  func parameters(
    _ mapping: JSONValue
  ) throws(CheckpointError) -> [GradiendConfiguration.Parameter] {
    guard let entries = mapping["param_map"]?.elements, !entries.isEmpty else {
      throw error("mapping.param_map is missing or empty: no weights are covered")
    }
    var parameters: [GradiendConfiguration.Parameter] = []
    var names: Set<String> = []
    for (index, entry) in entries.enumerated() {
      let parameter = try parameter(entry, place: "mapping.param_map[\(index)]")
      guard names.insert(parameter.name).inserted else {
        throw error("mapping.param_map names '\(parameter.name)' twice")
      }
      parameters.append(parameter)
    }
    return parameters
  }

  private func parameter(
    _ entry: JSONValue, place: String
  ) throws(CheckpointError) -> GradiendConfiguration.Parameter {
    guard let name = entry["name"]?.string, !name.isEmpty else {
      throw error("\(place) has no name")
    }
    guard let dimensions = entry["shape"]?.elements else {
      throw error("\(place) '\(name)' has no shape")
    }
    let shape = try dimensions.map { (dimension) throws(CheckpointError) in
      guard let length = dimension.integer, length > 0 else {
        throw error("\(place) '\(name)': shape holds \(Self.describe(dimension))")
      }
      return length
    }
    guard shape.checkedProduct != nil else {
      throw error("\(place) '\(name)': its shape overflows")
    }
    guard
      let representation = entry["repr"]?.string.flatMap(
        GradiendConfiguration.Parameter.Representation.init)
    else {
      throw error("\(place) '\(name)': repr is \(Self.describe(entry["repr"]))")
    }
    let selectedCount = entry["num_selected"] ?? .null
    guard selectedCount == .null || selectedCount.integer != nil else {
      throw error(
        "\(place) '\(name)': num_selected is \(Self.describe(selectedCount)), not an integer")
    }
    let key = entry["key"]?.string
    guard representation == .all || key != nil else {
      throw error("\(place) '\(name)': repr is \(representation.rawValue), but there is no key")
    }
    return GradiendConfiguration.Parameter(
      name: name, shape: shape, representation: representation, key: key,
      selectedCount: selectedCount.integer)
  }
}
