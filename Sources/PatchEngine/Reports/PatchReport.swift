internal import ByteIO
package import Checkpoints
internal import DeltaCoding
package import PatchFormat

/// What a patch holds.
public struct PatchReport: Sendable {
  /// A tensor that the patch changes.
  public struct Change: Sendable {
    /// As the base has it.
    public let tensor: TensorReport
    /// How many of its elements differ in the result.
    public let changedCount: Int
    /// Its bytes in the patch.
    public let byteCount: Int
    /// How far it moves; nil if that was not measured, or if its elements are no floats.
    public internal(set) var update: UpdateMeasure?
  }

  /// Some of a patch's bytes.
  public struct Part: Sendable {
    /// What they are for, such as `positions`.
    public let name: String
    /// How many there are.
    public let byteCount: Int
  }

  /// What one GRADIEND adds.
  public struct Addition: Sendable {
    /// h, one value a latent, separated by commas; nil for a part that ignores it.
    public let featureFactors: String?
    /// α.
    public let learningRate: String
    /// The classes of the GRADIEND's feature towards which the update goes, separated by commas; nil
    /// where nothing says.
    public let direction: String?
    /// The digest of the GRADIEND.
    public let digest: String
    /// Where on the Hub the GRADIEND comes from, as it can be typed; nil if that is not known.
    public let origin: String?

    init(_ update: PatchMetadata.Update) {
      featureFactors = update.featureFactors
      learningRate = update.learningRate
      direction = update.direction
      digest = update.gradiendDigest
      origin = update.origin.map { "\($0)" }
    }
  }

  /// The metadata, as they stand in the file.
  public let metadata: [Metadatum]
  /// What was added to the base, in this order; nothing if the result was there.
  public let additions: [Addition]
  /// Tensors of the base.
  public let tensorCount: Int
  /// Elements of the base.
  public let elementCount: Int
  /// All tensors of the base, in the order in which the patch lists them.
  public let tensors: [TensorReport]
  /// In the order in which they lie in the patch.
  public private(set) var changes: [Change]
  /// The names of tensors that the patch carries whole.
  public let carriedTensors: [String]
  /// What the file's bytes are for; they add up to its length.
  public let parts: [Part]

  /// - Throws: ``CheckpointError`` if a chunk's header is damaged.
  package init(_ patch: PatchFile) throws(CheckpointError) {
    metadata = patch.metadata.entries.map { Metadatum(key: $0.key, value: $0.value) }
    additions =
      if case .gradiend(let updates, _) = patch.metadata.source {
        updates.map { Addition($0) }
      } else {
        []
      }
    tensors = patch.index.tensors.map {
      TensorReport(name: $0.name, elementType: $0.elementType, shape: $0.shape)
    }
    tensorCount = tensors.count
    carriedTensors = patch.layouts?.carried ?? []
    elementCount = patch.index.tensors.reduce(0) { $0 + $1.elementCount }
    changes = patch.index.tensors.compactMap { tensor in
      tensor.change.map { change in
        Change(
          tensor: TensorReport(
            name: tensor.name, elementType: tensor.elementType, shape: tensor.shape),
          changedCount: change.elementCount, byteCount: change.byteRange.count)
      }
    }
    let streams = try Self.streams(of: patch)
    parts = [
      ("header", patch.deltasByteRange.lowerBound),
      ("chunk headers", patch.deltasByteRange.count - streams.total),
      ("positions", streams.positions), ("values", streams.values), ("strip", streams.strip),
      ("layouts", patch.layoutsByteRange.count), ("index", patch.indexByteRange.count),
    ].filter { $0.0 != "layouts" || patch.layouts != nil }
      .map { Part(name: $0.0, byteCount: $0.1) }
  }

  /// What was measured of tensors of floats, by their names; nil if nothing was.
  package var updates: [String: UpdateMeasure]? {
    didSet {
      for index in changes.indices { changes[index].update = updates?[changes[index].tensor.name] }
    }
  }

  private struct Streams {
    var positions = 0
    var values = 0
    var strip = 0

    var total: Int { positions + values + strip }
  }

  /// The bytes of each kind of stream in all chunks.
  private static func streams(of patch: PatchFile) throws(CheckpointError) -> Streams {
    var streams = Streams()
    for tensor in patch.index.tensors {
      let element = CodedElement(tensor.elementType)
      try CheckpointError.attributing(patch.path) { () throws(FormatError) in
        for (chunk, range) in zip(tensor.chunks, try patch.chunkByteRanges(of: tensor)) {
          let shape = ChunkShape(element: element, rows: chunk.rows, columns: chunk.columns)
          do throws(FormatError) {
            defer { patch.file.releasePages(in: range) }
            let summary = try ChunkCoder(shape).summary(of: patch.file.bytes.extracting(range))
            streams.positions += summary.positions
            streams.values += summary.values
            streams.strip += summary.strip
          } catch {
            throw error.shifted(by: range.lowerBound)
          }
        }
      }
    }
    return streams
  }

  /// What rounding to the base's types keeps of what GRADIENDs add, for people; nil where the patch
  /// does not say.
  package var kept: String? {
    func number(_ key: String) -> Double? {
      metadata.first { $0.key == key }.flatMap { Double($0.value) }
    }
    guard let cosine = number("update_cosine"), let share = number("update_norm_share") else {
      return nil
    }
    return RoundingMeasure.text(cosine: cosine, normShare: share)
  }

  /// The length of the patch.
  public var byteCount: Int { parts.reduce(0) { $0 + $1.byteCount } }

  /// Elements of the base that differ in the result.
  public var changedElementCount: Int { changes.reduce(0) { $0 + $1.changedCount } }
}
