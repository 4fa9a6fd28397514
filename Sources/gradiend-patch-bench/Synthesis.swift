import ByteIO
import Checkpoints
import Glibc

/// Writes a model of a given shape with seeded weights, and a dense GRADIEND for it.
struct Synthesis {
  let shape: ModelShape
  let seed: UInt64

  /// What each tensor's numbers are drawn for.
  private enum Purpose: Int {
    case baseScale, base, updateScale, weight, bias
  }

  /// How many bytes the two take on a disk; the encoder's weights are a hole.
  var byteCount: Int { 6 * shape.elementCount + 1_000_000 }

  /// Writes the folders `base` and `gradiend` into a new folder at `path`.
  ///
  /// `progress` is told what is written, and how many of how many elements are done.
  ///
  /// - Throws: ``BenchError`` if the disk is too small, ``SystemError`` if writing fails.
  func write(to path: String, progress: (String, Int, Int) -> Void) throws {
    try checkSpace(in: Folder.parent(of: path))
    let folder = try OutputFolder(path: path, overwrites: false, synchronises: false)
    try writeBase(folder, progress)
    try writeGradiend(folder, progress)
    try folder.publish()
  }

  private func checkSpace(in folder: String) throws {
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { throw SystemError("statvfs", path: folder) }
    let available = Int(status.f_bavail) * Int(status.f_frsize)
    guard available > byteCount else {
      throw BenchError(
        "\(folder): \(Decimal.count(byteCount)) bytes are needed, "
          + "\(Decimal.count(available)) are free")
    }
  }

  private func write(_ json: JSONValue, to file: WritableFile) throws {
    let text = Array((json.text(isIndented: true) + "\n").utf8)
    try file.write(text.rawSpan, at: 0)
  }

  // MARK: Base

  private func writeBase(
    _ folder: OutputFolder, _ progress: (String, Int, Int) -> Void
  ) throws {
    let (tensors, shards) = (shape.tensors, shape.shards)
    func number(_ value: Int) -> String {
      String(repeating: "0", count: 5 - String(value).count) + String(value)
    }
    var done = 0
    var places: [JSONValue.Member] = []
    for (index, positions) in shards.enumerated() {
      let name = "model-\(number(index + 1))-of-\(number(shards.count)).safetensors"
      let sorted = positions.sorted { tensors[$0].name < tensors[$1].name }
      let file = try StreamedTensors(
        try folder.createFile("base/" + name), sorted.map { tensors[$0] })
      for position in sorted {
        try fillBase(file, tensors[position], position)
        places.append(.init(tensors[position].name, .string(name)))
        done += tensors[position].elementCount
        progress("base", done, shape.elementCount)
      }
    }
    let index = JSONValue.object([
      .init("metadata", .object([.init("total_size", .integer(2 * shape.elementCount))])),
      .init("weight_map", .object(places.sorted { $0.key < $1.key })),
    ])
    try write(index, to: try folder.createFile("base/model.safetensors.index.json"))
    try write(shape.configuration, to: try folder.createFile("base/config.json"))
  }

  /// Norms are about 1, other weights about 0 with a deviation about 0.02.
  private func fillBase(_ file: StreamedTensors, _ tensor: ModelShape.Tensor, _ position: Int)
    throws
  {
    let isNorm = tensor.shape.count == 1
    let numbers = numbers(.base, position)
    let scale = isNorm ? 0.1 : 0.02 * exp2(0.5 * self.numbers(.baseScale, position)[0])
    let centre: Float = isNorm ? 1 : 0
    try file.fill(tensor.name, 0..<tensor.elementCount) { range, values in
      numbers.fill(&values, from: range.lowerBound)
      for index in values.indices { values[index] = centre + scale * values[index] }
    }
  }

  // MARK: GRADIEND

  private func writeGradiend(
    _ folder: OutputFolder, _ progress: (String, Int, Int) -> Void
  ) throws {
    let count = shape.elementCount
    let (bias, weight) = ("decoder.0.linear.bias", "decoder.0.linear.weight")
    let (encoderBias, encoderWeight) = ("encoder.0.linear.bias", "encoder.0.linear.weight")
    let file = try StreamedTensors(
      try folder.createFile("gradiend/model.safetensors"),
      [
        .init(name: bias, shape: [count]), .init(name: weight, shape: [count, 1]),
        .init(name: encoderBias, shape: [1]), .init(name: encoderWeight, shape: [1, count]),
      ])
    var done = 0
    for (name, purpose) in [(bias, Purpose.bias), (weight, Purpose.weight)] {
      var start = 0
      for (position, tensor) in shape.tensors.enumerated() {
        let update = update(of: tensor, position, purpose)
        try file.fill(name, start..<start + tensor.elementCount) { update.fill(&$1, $0) }
        start += tensor.elementCount
        done += tensor.elementCount
        progress("GRADIEND", done, 2 * count)
      }
    }
    try file.leaveZero(encoderBias, elementCount: 1)
    try file.leaveZero(encoderWeight, elementCount: count)
    try write(configuration, to: try folder.createFile("gradiend/config.json"))
  }

  /// Of about the size that training gives: larger for norms, smaller for the bias.
  private func update(
    of tensor: ModelShape.Tensor, _ position: Int, _ purpose: Purpose
  ) -> SyntheticUpdate {
    let scale = 0.001 * exp2(numbers(.updateScale, position)[0])
    return SyntheticUpdate(
      shape: tensor.shape, seed: seed, path: (purpose.rawValue, position),
      scale: scale * (purpose == .bias ? 0.7 : 1) * (tensor.shape.count == 1 ? 50 : 1))
  }

  private func numbers(_ purpose: Purpose, _ position: Int) -> NormalNumbers {
    NormalNumbers(seed: seed, purpose.rawValue, position)
  }

  /// The `config.json` of the GRADIEND.
  private var configuration: JSONValue {
    .object([
      .init("format_version", .integer(0)),
      .init(
        "architecture",
        .object([
          .init("input_dim", .integer(shape.elementCount)),
          .init("latent_dim", .integer(1)),
          .init("activation_encoder", .string("tanh")),
          .init("activation_decoder", .string("id")),
          .init("bias_decoder", .boolean(true)),
          .init("torch_dtype", .string("bfloat16")),
        ])),
      .init(
        "mapping",
        .object([
          .init("mode", .string("all")),
          .init(
            "param_map",
            .array(
              shape.tensors.map { tensor in
                .object([
                  .init("name", .string(tensor.name)),
                  .init("shape", .array(tensor.shape.map { .integer($0) })),
                  .init("repr", .string("all")),
                  .init("num_selected", .integer(tensor.elementCount)),
                ])
              })),
        ])),
      .init("metadata", .object([.init("base_model", .string("base"))])),
    ])
  }
}
