internal import ByteIO
package import Checkpoints

/// The `config.json` of a GRADIEND checkpoint (Formats/gradiend-checkpoint.md, section 3).
package struct GradiendConfiguration: Sendable {
  /// Who wrote the checkpoint, which decides on fields and names.
  package enum Layout: Sendable {
    /// The `gradiend` package, format version 0.
    case version0
    /// The research code before it, which has no version.
    case older
  }

  /// One parameter of the base model, and how its entries are chosen.
  package struct Parameter: Equatable, Sendable {
    package enum Representation: String, Sendable {
      case all
      case mask
      case indices
    }

    package let name: String
    /// Nil in the older layout, where masks have the shape, or only the base has it.
    package var shape: [Int]?
    package let representation: Representation
    /// The tensor of the mapping file that holds the mask or the indices.
    package let key: String?
    /// How many entries are selected, if the file says so.
    package let selectedCount: Int?
  }

  package let path: String
  let file: MappedFile
  package let layout: Layout
  /// N: the number of selected entries of all parameters.
  package let entryCount: Int
  package let latentCount: Int
  package let activation: Activation
  package let hasBias: Bool
  /// The type in which the reference computes; it wins over the types of the stored tensors.
  package let elementType: ElementType
  /// In the order of their entries, unless a file of masks has another one.
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
      try JSONValue(parsingPython: file.bytes)
    }
    let fields = ConfigurationFields(path: path, document: document)
    try fields.checkSignal()
    layout = fields.isOlder ? .older : .version0
    switch layout {
    case .version0:
      let architecture = try fields.architecture()
      let mapping = try fields.mapping()
      entryCount = try fields.positive(architecture, "input_dim")
      latentCount = try fields.positive(architecture, "latent_dim")
      activation = try fields.activation(architecture)
      hasBias = try fields.boolean(architecture, "bias_decoder", default: true)
      elementType = try fields.elementType(architecture)
      masksFile = try fields.fileName(mapping, "masks_file")
      indicesFile = try fields.fileName(mapping, "indices_file")
      parameters = try fields.parameters(mapping)
    case .older:
      entryCount = try fields.positive(document, "input_dim")
      latentCount = try fields.positive(document, "latent_dim")
      activation = try fields.olderActivation()
      hasBias = try fields.boolean(document, "bias_decoder", default: true)
      elementType = .float32
      masksFile = try fields.fileName(document, "layers_path")
      indicesFile = nil
      parameters = try fields.layers(areMasked: masksFile != nil)
    }
  }
}
