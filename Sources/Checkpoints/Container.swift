internal import ByteIO

/// A kind of file that holds tensors. Only this file tells one from another by their bytes.
package enum Container: Equatable, Sendable {
  case safetensors
  case gguf(GGUFHeader)
}

/// What the header of a weight file says, whatever its container.
struct ContainerHeader {
  let container: Container
  /// In the order of their bytes.
  let tensors: [TensorDescriptor]
  /// What the file says of itself, as text, in its own order.
  let metadata: [SafetensorsHeader.Metadatum]

  /// Parses a header of either kind.
  ///
  /// - Parameters:
  ///   - bytes: the file, or what of it belongs to no tensor.
  ///   - fileByteCount: the length of the whole file.
  ///   - name: what the file is called. One that ends in `.gguf` and is no safetensors file is meant
  ///     as a GGUF, so that the error says so.
  /// - Throws: ``FormatError`` if it is not sound.
  init(parsing bytes: RawSpan, fileByteCount: Int, named name: String = "") throws(FormatError) {
    let isGGUF =
      bytes.hasBytes(of: GGUFHeader.magic)
      || name.hasSuffix(".gguf") && !bytes.hasBytes(of: "{", at: 8)
    if isGGUF {
      let header = try GGUFHeader(parsing: bytes, fileByteCount: fileByteCount)
      container = .gguf(header)
      tensors = header.tensors
      metadata = header.metadata.map { .init($0.key, $0.value.description) }
    } else {
      let header = try SafetensorsHeader(parsing: bytes, fileByteCount: fileByteCount)
      (container, tensors, metadata) = (.safetensors, header.tensors, header.metadata)
    }
  }
}
