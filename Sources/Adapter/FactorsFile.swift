internal import ByteIO
internal import Checkpoints

/// `adapter_model.safetensors` (Formats/adapter.md, section 6).
struct FactorsFile: AdapterFile {
  let path: String
  private let file: WritableFile
  private let plan: AdapterPlan
  private let origin: [SafetensorsHeader.Metadatum]
  private let members: [JSONValue.Member]
  /// Where each layer's factors begin, counted from the end of the header.
  private let starts: [Int]
  private let savedStarts: [Int]
  private let headerByteCount: Int
  let byteCount: Int

  /// - Parameters:
  ///   - file: an empty file.
  ///   - path: of the output that it belongs to.
  ///   - plan: the layers.
  ///   - origin: what the header says of where they come from.
  ///   - outline: as long a summary as that of the end.
  init(
    _ file: WritableFile, path: String, _ plan: AdapterPlan,
    _ origin: [SafetensorsHeader.Metadatum], _ outline: AdapterSummary
  ) {
    (self.file, self.path, self.plan, self.origin) = (file, path, plan, origin)
    let rank = outline.rank
    var (members, starts, end): ([JSONValue.Member], [Int], Int) = ([], [], 0)
    var savedStarts: [Int] = []
    for saved in plan.saved {
      savedStarts.append(end)
      end += 4 * saved.tensor.descriptor.elementCount
      members.append(
        .init(
          tensor: "base_model.model.\(saved.module).\(saved.leaf)", .float32,
          shape: saved.tensor.shape, at: (savedStarts.last ?? 0)..<end))
    }
    for layer in plan.layers {
      starts.append(end)
      for (name, shape) in [
        ("lora_A", [rank, layer.inputCount]), ("lora_B", [layer.outputCount, rank]),
      ] {
        let start = end
        end += 2 * shape[0] * shape[1]
        members.append(
          .init(
            tensor: "base_model.model.\(layer.module).\(name).weight", .bfloat16, shape: shape,
            at: start..<end))
      }
    }
    (self.members, self.starts, self.savedStarts) = (members, starts, savedStarts)
    headerByteCount = Self.header(members, origin, outline).count
    byteCount = headerByteCount + end
  }

  private static func header(
    _ members: [JSONValue.Member], _ origin: [SafetensorsHeader.Metadatum],
    _ summary: AdapterSummary
  ) -> [UInt8] {
    let metadata = [.init("format", "pt")] + origin + summary.metadata
    let object = JSONValue.object(metadata.map { .init($0.key, .string($0.value)) })
    return SafetensorsHeader.bytes([.init("__metadata__", object)] + members)
  }

  func write(_ factors: LayerFactors, of number: Int) throws(SystemError) {
    var bytes: [UInt8] = []
    for value in factors.a + factors.b {
      bytes.appendLittleEndian(UInt16(truncatingIfNeeded: value.bitPattern >> 16))
    }
    try file.write(bytes.rawSpan, at: headerByteCount + starts[number])
  }

  /// Writes elements of what PEFT takes whole, by its position in the plan.
  func write(
    _ values: [Float], ofSaved number: Int, fromElement first: Int
  ) throws(SystemError) {
    var bytes: [UInt8] = []
    for value in values { bytes.appendLittleEndian(value.bitPattern) }
    try file.write(bytes.rawSpan, at: headerByteCount + savedStarts[number] + 4 * first)
  }

  func finish(_ summary: AdapterSummary) throws(SystemError) {
    let header = Self.header(members, origin, summary)
    precondition(header.count == headerByteCount, "the header was left too little room")
    try file.write(header.rawSpan, at: 0)
  }
}
