package import ByteIO
package import Checkpoints

/// The folder of an adapter that this tool made (Formats/adapter.md, section 6).
package struct AdapterFolder: Sendable {
  package let path: String
  package let description: AdapterDescription
  /// PEFT's configuration.
  package let configuration: JSONValue
  package let factors: MappedFile
  /// The same for llama.cpp, as far as that lies here.
  package let ggufs: [MappedFile]

  package static let factorsName = "adapter_model.safetensors"
  package static let configurationName = "adapter_config.json"
  package static let cardName = "README.md"
  static let ggufSuffix = ".gguf"

  /// Whether the folder at `path` is an adapter's, whoever made it.
  package static func isAdapter(_ path: String) -> Bool {
    FileStatus.exists(Folder.join(path, configurationName))
  }

  /// - Throws: ``CheckpointError`` if it cannot be opened, is damaged, or another tool made it.
  package init(path: String) throws(CheckpointError) {
    self.path = path
    func open(_ name: String) throws(CheckpointError) -> MappedFile {
      let path = Folder.join(path, name)
      return try CheckpointError.attributing(path) { () throws(SystemError) in
        try MappedFile(path: path)
      }
    }
    let document = try open(Self.configurationName)
    let factors = try open(Self.factorsName)
    let configuration = try CheckpointError.attributing(document.path) {
      () throws(FormatError) in try JSONValue(parsing: document.bytes)
    }
    (self.configuration, self.factors) = (configuration, factors)
    let header = try CheckpointError.attributing(factors.path) { () throws(FormatError) in
      try SafetensorsHeader(parsing: factors.bytes)
    }
    var description = try CheckpointError.attributing(factors.path) { () throws(FormatError) in
      try AdapterDescription(parsing: header.metadata, configuration, byteCount: factors.byteCount)
    }
    ggufs = try Self.ggufs(in: path, of: header.metadata)
    description.ggufName = ggufs.first.map { Folder.lastComponent(of: $0.path) }
    self.description = description
  }

  private static func ggufs(
    in path: String, of metadata: [SafetensorsHeader.Metadatum]
  ) throws(CheckpointError) -> [MappedFile] {
    let entries = try CheckpointError.attributing(path) { () throws(SystemError) in
      try Folder.entries(in: path)
    }
    let names = entries.map(\.name).filter { $0.hasSuffix(ggufSuffix) }.sorted()
    return try names.map { (name) throws(CheckpointError) in
      let file = try Checkpoint(path: Folder.join(path, name)).files[0]
      for entry in metadata where entry.key != "format" {
        guard file.metadata(GGUFAdapterFile.prefix + entry.key) == entry.value else {
          throw CheckpointError(
            path: file.mapped.path,
            .inconsistent(
              "this GGUF has another '\(entry.key)' than the adapter beside it; keep what is no part of "
                + "the adapter elsewhere"))
        }
      }
      return file.mapped
    }
  }
}
