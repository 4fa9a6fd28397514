package import ByteIO
package import Checkpoints

/// The folder of an adapter that this tool made (Formats/adapter.md, section 6).
package struct AdapterFolder: Sendable {
  package let path: String
  package let description: AdapterDescription
  /// PEFT's configuration.
  package let configuration: JSONValue
  package let factors: MappedFile

  package static let factorsName = "adapter_model.safetensors"
  package static let configurationName = "adapter_config.json"
  package static let cardName = "README.md"

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
    description = try CheckpointError.attributing(factors.path) { () throws(FormatError) in
      let header = try SafetensorsHeader(parsing: factors.bytes)
      return try AdapterDescription(
        parsing: header.metadata, configuration, byteCount: factors.byteCount)
    }
  }
}
