package import ByteIO
package import Checkpoints

/// A patch that was opened and checked.
package struct PatchFile: Sendable {
  package let path: String
  package let metadata: PatchMetadata
  package let index: PatchIndex
  package let file: MappedFile
  /// Nil if the files of base and result differ in the bytes of tensors only.
  package let layouts: PatchLayouts?
  /// Where the parts lie in the file, one after the other.
  package let deltasByteRange: Range<Int>
  package let layoutsByteRange: Range<Int>
  package let indexByteRange: Range<Int>
  private let positions: [String: Int]

  package static let defaultName = "gradiend_patch.safetensors"

  /// Opens the patch at `path`, and checks every digest that needs no checkpoint.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - isCopy: whether to read all of it into memory, see ``MappedFile``.
  /// - Throws: ``CheckpointError`` if it cannot be opened, is no patch, or is damaged.
  /// - Complexity: O(bytes of the patch).
  package init(path: String, isCopy: Bool = false) throws(CheckpointError) {
    self.path = path
    let file = try CheckpointError.attributing(path) { () throws(SystemError) in
      try MappedFile(path: path, isCopy: isCopy)
    }
    self.file = file
    let parsed = try CheckpointError.attributing(path) { () throws(FormatError) in
      try Parsed(file)
    }
    metadata = parsed.metadata
    index = parsed.index
    layouts = parsed.layouts
    deltasByteRange = parsed.deltas
    layoutsByteRange = parsed.layoutsRange
    indexByteRange = parsed.indexRange
    positions = Dictionary(
      uniqueKeysWithValues: index.tensors.enumerated().map { ($1.name, $0) })
  }

  /// The tensor with this name, as the base has it.
  package subscript(name: String) -> PatchIndex.Tensor? {
    positions[name].map { index.tensors[$0] }
  }

  /// Where the coded chunks of a tensor lie in the file.
  ///
  /// - Parameter tensor: of the index, or ``PatchIndex/Tensor/keptPart`` of one.
  /// - Returns: one range a chunk; none if the tensor stays.
  /// - Throws: ``FormatError`` at the offset in the file if they do not add up.
  package func chunkByteRanges(
    of tensor: PatchIndex.Tensor
  ) throws(FormatError) -> [Range<Int>] {
    guard let change = tensor.change, let whole = self[tensor.name] else { return [] }
    let ranges = try chunkByteRanges(of: change, count: whole.chunks.count)
    return tensor.shape == whole.shape ? ranges : Array(ranges[whole.chunks.keptIndices])
  }

  private func chunkByteRanges(
    of change: PatchIndex.Change, count: Int
  ) throws(FormatError) -> [Range<Int>] {
    let start = deltasByteRange.lowerBound + change.byteRange.lowerBound
    var reader = ByteReader(file.bytes.extracting(start..<start + change.byteRange.count))
    var ranges: [Range<Int>] = []
    do throws(FormatError) {
      for _ in 0..<count {
        let byteCount = try reader.readVariableLength()
        let first = start + reader.position
        _ = try reader.readBytes(byteCount)
        ranges.append(first..<first + byteCount)
      }
      guard reader.isAtEnd else {
        throw .corrupt("\(reader.remaining) bytes after the last chunk", at: reader.position)
      }
    } catch {
      throw error.shifted(by: start)
    }
    return ranges
  }
}

/// The parts of a patch file, each checked against the others.
private struct Parsed {
  let metadata: PatchMetadata
  let index: PatchIndex
  let layouts: PatchLayouts?
  let deltas: Range<Int>
  let layoutsRange: Range<Int>
  let indexRange: Range<Int>

  init(_ file: MappedFile) throws(FormatError) {
    let bytes = file.bytes
    let header = try SafetensorsHeader(parsing: bytes)
    metadata = try PatchMetadata(parsing: header)
    let parts = try PatchParts(header, bytes, of: "a patch")
    (deltas, indexRange, layouts) = (parts.deltas, parts.index, parts.layouts)
    layoutsRange = deltas.upperBound..<indexRange.lowerBound
    do {
      index = try PatchIndex(
        parsing: bytes.extracting(indexRange), deltasByteCount: deltas.count)
    } catch {
      throw error.shifted(by: indexRange.lowerBound)
    }
    guard index.metadataDigest == PatchMetadata.digest(of: header.metadata) else {
      throw .corrupt("the patch's metadata are damaged; download the patch again", at: 8)
    }
    guard index.deltasDigest == Digest128(of: file, in: deltas) else {
      throw .corrupt(
        "the patch's deltas are damaged; download the patch again", at: deltas.lowerBound)
    }
    try checkCounts()
    if let carried = layouts?.carried {
      let names = Set(index.tensors.map(\.name))
      if let name = carried.first(where: names.contains) {
        throw .corrupt(
          "tensor '\(name)' is in the patch's index and carried whole", at: layoutsRange.lowerBound)
      }
    }
  }

  private func checkCounts() throws(FormatError) {
    var elementCount = 0
    for tensor in index.tensors {
      guard let sum = elementCount.plus(tensor.elementCount) else {
        throw .corrupt("the patch's index claims more elements than can be counted", at: 8)
      }
      elementCount = sum
    }
    let changes = index.tensors.compactMap(\.change)
    for (what, stated, found) in [
      ("tensors", metadata.tensorCount, index.tensors.count),
      ("elements", metadata.elementCount, elementCount),
      ("changed tensors", metadata.changedTensorCount, changes.count),
      (
        "changed elements", metadata.changedElementCount,
        changes.reduce(0) { $0 + $1.elementCount }
      ),
    ] where stated != found {
      throw .corrupt("the patch's metadata state \(stated) \(what), its index \(found)", at: 8)
    }
  }
}
