internal import ByteIO
internal import Checkpoints
internal import ModelNames
internal import PatchEngine

/// A GGUF adapter (Formats/adapter.md, section 7).
struct GGUFAdapterFile: AdapterFile {
  let path: String
  private let file: WritableFile
  private let architecture: String
  private let origin: [SafetensorsHeader.Metadatum]
  private let tensors: [TensorDescriptor]
  /// How the converter orders the rows of each layer.
  private let orders: [ElementOrder]
  private let outline: AdapterSummary
  let byteCount: Int

  /// - Throws: ``PatchError`` if the architecture has no converter that is known, or a layer no place.
  init(
    _ file: WritableFile, path: String, _ plan: AdapterPlan, of base: any TensorSource,
    _ origin: [SafetensorsHeader.Metadatum], _ outline: AdapterSummary
  ) throws(PatchError) {
    (self.file, self.path, self.origin, self.outline) = (file, path, origin, outline)
    guard let configuration = base.configuration else {
      preconditionFailure("the plan is of a model whose type is known")
    }
    let mapping = try PatchError.opening { () throws(CheckpointError) in
      try GGUFMapping(configuration)
    }
    architecture = mapping.architecture
    var (tensors, orders): ([TensorDescriptor], [ElementOrder]) = ([], [])
    for layer in plan.layers {
      guard
        case .tensor(let name, let order, _) = mapping.destination(of: layer.module + ".weight"),
        order == .transposed || order.fits([layer.outputCount])
      else {
        throw PatchError(
          .badInput, path: base.path, tensor: layer.tensor.name,
          "tensor '\(layer.tensor.name)' has no place in a GGUF of architecture \(architecture)",
          remedy: "make the adapter without the GGUF")
      }
      orders.append(order)
      for (part, shape) in [
        ("lora_a", [outline.rank, layer.inputCount]),
        ("lora_b", [layer.outputCount, outline.rank]),
      ] {
        let start = tensors.last.map { GGUFHeader.aligned($0.byteRange.upperBound) } ?? 0
        tensors.append(
          TensorDescriptor(
            name: "\(name).\(part)", elementType: .float32, shape: shape,
            byteRange: start..<start + 4 * shape[0] * shape[1]))
      }
    }
    (self.tensors, self.orders) = (tensors, orders)
    let header = Self.header(architecture, origin, outline, tensors)
    byteCount = header.count + (tensors.last?.byteRange.upperBound ?? 0)
  }

  /// Precedes the keys of the metadata that all of an adapter's files have.
  static let prefix = "gradiend_patch."

  private static func header(
    _ architecture: String, _ origin: [SafetensorsHeader.Metadatum], _ summary: AdapterSummary,
    _ tensors: [TensorDescriptor]
  ) -> [UInt8] {
    var metadata: [(key: String, value: GGUFHeader.WrittenValue)] = [
      ("general.architecture", .string(architecture)), ("general.type", .string("adapter")),
      ("adapter.type", .string("lora")), ("adapter.lora.alpha", .float(Float(summary.rank))),
    ]
    for entry in origin + summary.metadata {
      metadata.append((prefix + entry.key, .string(entry.value)))
    }
    return GGUFHeader.bytes(metadata, tensors)
  }

  func write(_ factors: LayerFactors, of number: Int) throws(SystemError) {
    try write(factors.a, as: 2 * number)
    let (b, rank) = (factors.b, outline.rank)
    let order = orders[number] == .transposed ? .same : orders[number]
    var ordered = b
    let rowCount = b.count / rank
    for row in 0..<rowCount {
      let target = order.row(row, of: rowCount)
      for column in 0..<rank { ordered[target * rank + column] = b[row * rank + column] }
    }
    try write(ordered, as: 2 * number + 1)
  }

  private func write(_ values: [Float], as number: Int) throws(SystemError) {
    var bytes: [UInt8] = []
    for value in values { bytes.appendLittleEndian(value.bitPattern) }
    let start = byteCount - (tensors.last?.byteRange.upperBound ?? 0)
    try file.write(bytes.rawSpan, at: start + tensors[number].byteRange.lowerBound)
  }

  func finish(_ summary: AdapterSummary) throws(SystemError) {
    let header = Self.header(architecture, origin, summary, tensors)
    precondition(
      header.count + (tensors.last?.byteRange.upperBound ?? 0) == byteCount,
      "the header was left too little room")
    try file.write(header.rawSpan, at: 0)
  }
}
