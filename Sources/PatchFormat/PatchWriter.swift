package import ByteIO
package import Checkpoints

/// Writes a patch front to back; only the header is filled in at the end.
package struct PatchWriter: Sendable {
  private let output: OutputFile
  private let headerByteCount: Int
  private var deltasByteCount = 0
  private let deltasDigest = RunningDigest128()

  /// Begins a patch at `path`.
  ///
  /// - Parameters:
  ///   - path: the final name; see ``OutputFile``.
  ///   - overwrites: whether `path` may exist.
  ///   - metadata: the metadata as they will be, with no value longer than here later.
  ///   - hasLayouts: whether there will be layouts.
  /// - Throws: ``SystemError`` if the file cannot be made.
  package init(
    path: String, overwrites: Bool, reserving metadata: PatchMetadata, hasLayouts: Bool = false
  ) throws(SystemError) {
    try self.init(
      path: path, overwrites: overwrites, reserving: metadata.entries, hasLayouts: hasLayouts)
  }

  /// As above, for whatever has the tensors of a patch.
  package init(
    path: String, overwrites: Bool, reserving metadata: [SafetensorsHeader.Metadatum],
    hasLayouts: Bool
  ) throws(SystemError) {
    output = try OutputFile(path: path, overwrites: overwrites)
    headerByteCount =
      Self.header(
        metadata, deltasByteCount: Int.max / 4, layoutsByteCount: hasLayouts ? Int.max / 4 : nil,
        indexByteCount: 1 << 30
      ).count
  }

  /// Appends a coded chunk, with its length.
  ///
  /// - Returns: how many bytes of `deltas` it takes.
  package mutating func append(chunk: [UInt8]) throws(SystemError) -> Int {
    var bytes: [UInt8] = []
    bytes.appendVariableLength(chunk.count)
    bytes += chunk
    try append(bytes.rawSpan)
    return bytes.count
  }

  /// Appends bytes of `deltas` as they are.
  package mutating func append(_ bytes: RawSpan) throws(SystemError) {
    try output.contents.write(bytes, at: 8 + headerByteCount + deltasByteCount)
    deltasDigest.update(bytes)
    deltasByteCount += bytes.byteCount
  }

  /// Writes index and header, syncs the file and gives it its name.
  ///
  /// - Parameters:
  ///   - tensors: as in ``PatchIndex``, their byte ranges in the order of the calls of
  ///     ``append(chunk:)``.
  ///   - metadata: not longer than what was reserved.
  ///   - layouts: where the files of base and result differ in more than the bytes of tensors.
  /// - Returns: the length of the file in bytes.
  /// - Throws: ``SystemError``; nothing then has the final name.
  package func finish(
    tensors: [PatchIndex.Tensor], metadata: PatchMetadata, layouts: PatchLayouts? = nil
  ) throws(SystemError) -> Int {
    try finish(metadata.entries, layouts: layouts) { metadata, deltas in
      PatchIndex(tensors: tensors, metadataDigest: metadata, deltasDigest: deltas).encoded()
    }
  }

  /// As above, for whatever has the tensors of a patch.
  ///
  /// - Parameters:
  ///   - metadata: not longer than what was reserved.
  ///   - layouts: the tensor of layouts, if there is one.
  ///   - index: makes the last tensor from the digests of the metadata and of `deltas`.
  /// - Returns: the length of the file in bytes.
  /// - Throws: ``SystemError``; nothing then has the final name.
  package func finish(
    _ metadata: [SafetensorsHeader.Metadatum], layouts: PatchLayouts?,
    index: (_ metadata: Digest128, _ deltas: Digest128) -> [UInt8]
  ) throws(SystemError) -> Int {
    let index = index(PatchMetadata.digest(of: metadata), deltasDigest.finish())
    let layouts = layouts?.encoded ?? []
    let layoutsStart = 8 + headerByteCount + deltasByteCount
    try output.contents.write(layouts.rawSpan, at: layoutsStart)
    let indexStart = layoutsStart + layouts.count
    try output.contents.write(index.rawSpan, at: indexStart)

    let header = Self.header(
      metadata, deltasByteCount: deltasByteCount,
      layoutsByteCount: layouts.isEmpty ? nil : layouts.count,
      indexByteCount: index.count)
    precondition(header.count <= headerByteCount, "the metadata outgrew their place")
    var bytes: [UInt8] = []
    bytes.appendLittleEndian(UInt64(headerByteCount))
    bytes += header
    bytes += Array(repeating: UInt8(ascii: " "), count: 8 + headerByteCount - bytes.count)
    try output.contents.write(bytes.rawSpan, at: 0)
    try output.publish()
    return indexStart + index.count
  }

  private static func header(
    _ metadata: [SafetensorsHeader.Metadatum], deltasByteCount: Int, layoutsByteCount: Int?,
    indexByteCount: Int
  ) -> [UInt8] {
    var end = 0
    func entry(_ name: String, _ byteCount: Int) -> JSONValue.Member {
      defer { end += byteCount }
      return .init(tensor: name, .uint8, shape: [byteCount], at: end..<end + byteCount)
    }
    var members = [
      JSONValue.Member(
        "__metadata__", .object(metadata.map { .init($0.key, .string($0.value)) })),
      entry(PatchParts.deltasName, deltasByteCount),
    ]
    if let layoutsByteCount { members.append(entry(PatchParts.layoutsName, layoutsByteCount)) }
    members.append(entry(PatchParts.indexName, indexByteCount))
    return SafetensorsHeader.text(members)
  }
}
