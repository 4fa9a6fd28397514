internal import ByteIO
package import Checkpoints

/// The `config.json` of a GRADIEND checkpoint (Formats/gradiend-checkpoint.md, section 3).
package struct GradiendConfiguration: Sendable {
  /// One parameter of the base model, and how its entries are chosen.
  package struct Parameter: Equatable, Sendable {
    package enum Representation: String, Sendable {
      case all
      case mask
      case indices
    }

    package let name: String
    package let shape: [Int]
    package let representation: Representation
    /// The tensor of the mapping file that holds the mask or the indices.
    package let key: String?
    /// How many entries are selected, if the file says so.
    package let selectedCount: Int?

    package var elementCount: Int { shape.reduce(1, *) }
  }

  package let path: String
  let file: MappedFile
  /// N: the number of selected entries of all parameters.
  package let entryCount: Int
  package let latentCount: Int
  package let activation: Activation
  package let hasBias: Bool
  /// The type in which the reference computes; it wins over the types of the stored tensors.
  package let elementType: ElementType
  /// In the order of their entries.
  package let parameters: [Parameter]
  package let masksFile: String?
  package let indicesFile: String?

  /// Reads and checks the configuration at `path`.
  ///
  /// - Throws: ``CheckpointError`` naming the field, what it holds and what is expected.
  init(path: String) throws(CheckpointError) {
    self.path = path
    let file = try CheckpointError.attributing(path) { () throws(SystemError) in
      try MappedFile(path: path)
    }
    self.file = file
    let document = try CheckpointError.attributing(path) { () throws(FormatError) in
      do throws(FormatError) {
        return try JSONValue(parsing: file.bytes)
      } catch {
        throw Self.explaining(error, in: file.bytes)
      }
    }
    let fields = Fields(path: path, document: document)
    try fields.checkLayout()
    guard let architecture = document["architecture"], architecture.members != nil else {
      throw fields.error("'architecture' is missing; this is not a GRADIEND checkpoint")
    }
    let format = document["format_version"]
    guard format == .integer(0) else {
      throw fields.error("format_version is \(Fields.describe(format)); this version reads 0")
    }
    entryCount = try fields.positive(architecture, "input_dim")
    latentCount = try fields.positive(architecture, "latent_dim")
    activation = try fields.activation(architecture)
    hasBias = try fields.boolean(architecture, "bias_decoder", default: true)
    elementType = try fields.elementType(architecture)
    guard let mapping = document["mapping"], mapping != .null else {
      throw fields.error(
        "'mapping' is missing: the checkpoint does not say which weights it covers")
    }
    try fields.checkMode(mapping)
    masksFile = try fields.fileName(mapping, "masks_file")
    indicesFile = try fields.fileName(mapping, "indices_file")
    parameters = try fields.parameters(mapping)
  }

  /// Python writes numbers that JSON does not have; say so where that is why parsing failed.
  private static func explaining(_ error: FormatError, in text: RawSpan) -> FormatError {
    // Parsing stops behind the token, or behind its sign.
    let before = max(0, error.offset - 12)
    let end = min(text.byteCount, error.offset + 8)
    let words = String(decoding: text.extracting(before..<max(before, end)).array, as: UTF8.self)
    let isReal = words.contains("NaN") || words.contains("Infinity")
    guard isReal || "\(error.reason)".contains("too big integer") else { return error }
    return .corrupt(
      "\(error.reason); Python wrote NaN, Infinity or an integer over 64 bits, which JSON does not "
        + "have: remove that field from the file's free metadata", at: error.offset)
  }
}

/// Reads fields of a configuration, and says which one is wrong.
private struct Fields {
  let path: String
  let document: JSONValue

  func error(_ message: String) -> CheckpointError {
    CheckpointError(path: path, .inconsistent(message))
  }

  static func describe(_ value: JSONValue?) -> String {
    value.map { $0.text() } ?? "missing"
  }

  /// Refuses the layout of the research code, which has no format version.
  func checkLayout() throws(CheckpointError) {
    guard document["architecture"] == nil, document["input_dim"] != nil, document["layers"] != nil
    else { return }
    throw error(
      "this is a GRADIEND checkpoint of the older layout, which this version does not read; load "
        + "it with the reference package and save it again")
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
    let names = Activation.allCases.map(\.rawValue).joined(separator: ", ")
    let value = architecture["activation_decoder"] ?? .string(Activation.identity.rawValue)
    guard var name = value.string else {
      throw error("activation_decoder is \(Self.describe(value)), not one of \(names)")
    }
    if name.isEmpty {
      name = architecture["activation_encoder"]?.string ?? Activation.tanh.rawValue
    }
    guard let activation = Activation(rawValue: name) else {
      throw error("activation_decoder is '\(name)', not one of \(names), in lower case")
    }
    return activation
  }

  func elementType(_ architecture: JSONValue) throws(CheckpointError) -> ElementType {
    switch architecture["torch_dtype"]?.string ?? "float32" {
    case "bfloat16": return .bfloat16
    case "float16", "half": return .float16
    case "float64", "double": throw error("torch_dtype float64 is not supported")
    default: return .float32
    }
  }

  /// The mode repeats what the entries say. Another one would be a mapping of a newer kind.
  func checkMode(_ mapping: JSONValue) throws(CheckpointError) {
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
    var shape: [Int] = []
    var elementCount = 1
    for dimension in dimensions {
      guard let length = dimension.integer, length > 0 else {
        throw error("\(place) '\(name)': shape holds \(Self.describe(dimension))")
      }
      let (product, overflows) = elementCount.multipliedReportingOverflow(by: length)
      guard !overflows else { throw error("\(place) '\(name)': its shape overflows") }
      elementCount = product
      shape.append(length)
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
