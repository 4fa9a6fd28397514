package import ByteIO

extension Checkpoint {
  /// One weight file, whatever its container.
  package struct File: Sendable {
    /// Its name within the folder; the last component of the path for a single file.
    package let name: String
    package let mapped: MappedFile
    package let container: Container
    /// In the order of their bytes.
    package let tensors: [TensorDescriptor]
    /// What the file says of itself, as text, in its own order.
    package let metadata: [SafetensorsHeader.Metadatum]
    /// The bytes that belong to no tensor, ascending: the header, what lies between tensors, and
    /// what comes after the last. Every output has them as they are here.
    package let otherByteRanges: [Range<Int>]

    /// Opens a weight file of any container, told by its first bytes.
    ///
    /// - Throws: ``CheckpointError`` if it cannot be opened, or is not sound.
    init(_ name: String, at path: String) throws(CheckpointError) {
      let mapped = try CheckpointError.attributing(path) { () throws(SystemError) in
        try MappedFile(path: path)
      }
      self.name = name
      self.mapped = mapped
      let header = try CheckpointError.attributing(path) { () throws(FormatError) in
        try ContainerHeader(parsing: mapped.bytes, fileByteCount: mapped.byteCount, named: path)
      }
      (container, tensors, metadata) = (header.container, header.tensors, header.metadata)
      otherByteRanges = CheckpointLayout.gaps(between: tensors, upTo: mapped.byteCount)
    }

    init(image other: File, in mapped: MappedFile) {
      self.mapped = mapped
      (name, container, metadata) = (other.name, other.container, other.metadata)
      (tensors, otherByteRanges) = (other.tensors, other.otherByteRanges)
    }

    init(_ other: File, settingAside names: Set<String>) {
      (name, mapped, container, metadata) = (
        other.name, other.mapped, other.container, other.metadata
      )
      tensors = other.tensors.filter { !names.contains($0.name) }
      otherByteRanges = CheckpointLayout.gaps(between: tensors, upTo: mapped.byteCount)
    }

    package func metadata(_ key: String) -> String? {
      metadata.first { $0.key == key }?.value
    }

    /// The metadata by which a safetensors file is a patch, and no model's weights.
    package static let patchMark = (key: "format", value: "gradiend-patch")

    /// Whether this is a patch.
    package var isPatch: Bool {
      container == .safetensors && metadata(Self.patchMark.key) == Self.patchMark.value
    }
  }
}
