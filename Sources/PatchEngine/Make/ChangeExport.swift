internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import PatchFormat

/// Writes what a patch changes as a safetensors file of indices and values, for other programs
/// (Formats/export.md).
package struct ChangeExport {
  private let match: PatchMatch
  private let output: String
  private let overwrites: Bool

  package init(_ match: PatchMatch, output: String, overwrites: Bool) {
    self.match = match
    self.output = output
    self.overwrites = overwrites
  }

  /// - Returns: what was written.
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the base), with a few chunks of memory for each thread.
  package func run(_ execution: Execution) throws(PatchError) -> ExportSummary {
    let places = try places()
    let header = Self.header(places)
    let file = try PatchError.writing(output) { () throws(SystemError) in
      try OutputFile(path: output, overwrites: overwrites)
    }
    let writer = OrderedStage(
      Writer(file: file, path: output, start: header.count, places: places), execution)
    try PatchRun(match, .apply).run(execution, closing: [writer]) {
      (chunk, base, result) throws(PatchError) in
      let changes =
        chunk.tensor.changes(chunk)
        ? Changes(chunk, base.rawSpan, result.rawSpan) : Changes()
      try writer.submit(chunk.number) { (writer) throws(PatchError) in
        try writer.write(changes, of: chunk.tensor.name)
      }
    }
    let rest = writer.withState { $0.unfinished }
    if let rest { throw miscounted(rest) }
    try PatchError.writing(output) { () throws(SystemError) in
      try file.contents.write(header.rawSpan, at: 0)
      try file.publish()
    }
    return ExportSummary(
      path: output, byteCount: header.count + byteCount(of: places), tensorCount: places.count,
      elementCount: places.reduce(0) { $0 + $1.count })
  }

  private func byteCount(of places: [Place]) -> Int {
    places.reduce(0) { $0 + (8 + $1.width) * $1.count }
  }

  private func miscounted(_ tensor: String) -> PatchError {
    PatchError(
      .badInput, path: match.patch.path, tensor: tensor,
      "the patch does not change as many elements of '\(tensor)' as it says",
      remedy: "ask the publisher for a sound patch")
  }

  // MARK: Places

  /// Where the changes of a tensor go, behind the header.
  private struct Place {
    let name: String
    let elementType: ElementType
    let count: Int
    let indicesStart: Int
    var valuesStart = 0

    var width: Int { elementType.elementByteCount ?? 1 }
  }

  /// In the order of the match: all indices, then the values, wide elements first, so that each lies
  /// where a processor likes it.
  private func places() throws(PatchError) -> [Place] {
    var places: [Place] = []
    var end = 0
    for tensor in match.tensors {
      guard let change = tensor.entry.change else { continue }
      guard tensor.elementType.elementByteCount != nil, tensor.elementType != .opaque else {
        throw PatchError(
          .badInput, path: match.patch.path, tensor: tensor.name,
          "tensor '\(tensor.name)' is \(tensor.elementType.name), whose elements have no bytes of "
            + "their own", remedy: "apply the patch, and compare the two models")
      }
      places.append(
        Place(
          name: tensor.name, elementType: tensor.elementType, count: change.elementCount,
          indicesStart: end))
      // No more than the base's elements, whose bytes are there: far from an overflow.
      end += 8 * change.elementCount
    }
    for index in places.indices.sorted(by: { (-places[$0].width, $0) < (-places[$1].width, $1) }) {
      places[index].valuesStart = end
      end += places[index].width * places[index].count
    }
    return places
  }

  private static func header(_ places: [Place]) -> [UInt8] {
    let members =
      places.map { place in
        JSONValue.Member(
          tensor: "\(place.name).indices", .int64, shape: [place.count],
          at: place.indicesStart..<place.indicesStart + 8 * place.count)
      }
      + places.sorted { $0.valuesStart < $1.valuesStart }.map { place in
        JSONValue.Member(
          tensor: "\(place.name).values", place.elementType, shape: [place.count],
          at: place.valuesStart..<place.valuesStart + place.width * place.count)
      }
    let metadata = JSONValue.object([.init("format", .string("gradiend-patch-changes"))])
    return SafetensorsHeader.bytes([.init("__metadata__", metadata)] + members)
  }

  // MARK: Writing

  /// The elements of a chunk that differ.
  private struct Changes: Sendable {
    var indices: [UInt8] = []
    var values: [UInt8] = []

    init() {}

    init(_ chunk: Chunk<MatchedTensor>, _ base: RawSpan, _ result: RawSpan) {
      let width = chunk.tensor.elementType.elementByteCount ?? 1
      for element in 0..<base.byteCount / width {
        let range = element * width..<(element + 1) * width
        let isSame = range.allSatisfy { base[byteAt: $0] == result[byteAt: $0] }
        guard !isSame else { continue }
        indices.appendLittleEndian(Int64(chunk.firstElement + element))
        for offset in range { values.append(result[byteAt: offset]) }
      }
    }
  }

  private struct Writer: Sendable {
    let file: OutputFile
    let path: String
    let start: Int
    let places: [Place]
    var next = 0
    /// How many changes of the tensor at `next` were written.
    var done = 0

    /// The first tensor of which changes are missing.
    var unfinished: String? {
      next < places.count && (done < places[next].count || next + 1 < places.count)
        ? places[next].name : nil
    }

    mutating func write(_ changes: Changes, of name: String) throws(PatchError) {
      guard !changes.indices.isEmpty else { return }
      while next < places.count, places[next].name != name {
        guard done == places[next].count else { return }
        (next, done) = (next + 1, 0)
      }
      let count = changes.indices.count / 8
      guard next < places.count, count <= places[next].count - done else { return }
      let place = places[next]
      try PatchError.writing(path) { () throws(SystemError) in
        try file.contents.write(
          changes.indices.rawSpan, at: start + place.indicesStart + 8 * done)
        try file.contents.write(
          changes.values.rawSpan, at: start + place.valuesStart + place.width * done)
      }
      done += count
    }
  }
}

/// What an export wrote.
public struct ExportSummary: Sendable {
  /// Where it is.
  public let path: String
  /// Its length.
  public let byteCount: Int
  /// Tensors that the patch changes.
  public let tensorCount: Int
  /// Elements that it changes.
  public let elementCount: Int
}
