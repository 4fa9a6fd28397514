import Checkpoints
import GradiendPatch
import TestSupport

/// A small model, a GRADIEND for it whose update is known, and the adapter that is made of them.
struct AdapterScene {
  let bench: Workbench
  /// By name, in the order of the file.
  private(set) var tensors: [(name: String, shape: [Int], values: [Float])] = []
  /// What the GRADIEND adds, by name.
  private(set) var updates: [String: [Float]] = [:]
  private var generator = SeededGenerator(seed: 17)

  static let rate: Float = 0.01

  init() throws { bench = try Workbench() }

  /// Adds a tensor of numbers in `range`.
  mutating func add(_ name: String, _ shape: [Int], in range: ClosedRange<Float> = -0.2...0.2) {
    let values = (0..<shape.reduce(1, *)).map { _ in
      // Those that BF16 has.
      Float(bitPattern: Float.random(in: range, using: &generator).bitPattern & 0xFFFF_0000)
    }
    tensors.append((name, shape, values))
  }

  /// Adds the tensors of a layer of Llama: 12 inputs, 2 heads of 6, 1 of keys, and 20 between.
  mutating func addLayer(_ number: Int, prefix: String = "model.") {
    let layer = "\(prefix)layers.\(number)."
    add(layer + "input_layernorm.weight", [12], in: 0.1...1)
    for (name, rows) in [("q", 12), ("k", 6), ("v", 6)] {
      add(layer + "self_attn.\(name)_proj.weight", [rows, 12])
    }
    add(layer + "self_attn.o_proj.weight", [12, 12])
    add(layer + "post_attention_layernorm.weight", [12], in: 0.1...1)
    for name in ["gate", "up"] { add(layer + "mlp.\(name)_proj.weight", [20, 12]) }
    add(layer + "mlp.down_proj.weight", [12, 20])
  }

  mutating func set(_ name: String, _ index: Int, to value: Float) {
    guard let tensor = tensors.firstIndex(where: { $0.name == name }) else { return }
    tensors[tensor].values[index] = value
  }

  /// Writes the base, and a GRADIEND over the tensors with these names, or all, whose update of each
  /// matrix has this rank.
  mutating func write(_ modelType: String = "llama", over names: [String]? = nil, rank: Int) throws
  {
    var builder = SafetensorsBuilder()
    for (name, shape, values) in tensors {
      let bits = values.map { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) }
      builder.add(name, "BF16", shape, SafetensorsBuilder.littleEndian(bits))
    }
    try bench.folder.write(builder.bytes, to: "base/model.safetensors")
    try bench.folder.write(
      #"{"model_type":"\#(modelType)","num_attention_heads":2,"num_key_value_heads":1}"#,
      to: "base/config.json")
    var decoder: [Float] = []
    let covered = tensors.filter { names?.contains($0.name) ?? true }
    for (name, shape, _) in covered {
      let values = lowRank(shape, rank)
      decoder += values
      updates[name] = values.map { $0 * Self.rate }
    }
    var gradiend = GradiendBuilder(covered.map { .init($0.name, $0.shape) })
    gradiend.hasBias = false
    gradiend.decoderWeight = decoder
    try gradiend.write(to: bench.folder, as: "gradiend")
  }

  private mutating func lowRank(_ shape: [Int], _ rank: Int) -> [Float] {
    let columns = shape.count > 1 ? shape[1] : 1
    var sum = [Float](repeating: 0, count: shape.reduce(1, *))
    for part in 0..<rank {
      let left = (0..<shape[0]).map { _ in Float.random(in: -1...1, using: &generator) }
      let right = (0..<columns).map { _ in Float.random(in: -1...1, using: &generator) }
      let size = Float(sign: .plus, exponent: -2 * part, significand: 1)
      for index in sum.indices {
        sum[index] += size * left[index / columns] * right[index % columns]
      }
    }
    return sum
  }

  @discardableResult
  func make(
    _ output: String = "adapter", gguf: String? = nil, rank: Int? = nil,
    maxRelativeError: Double? = nil, savesModules: Bool = false,
    learningRate: Float = Self.rate, overwrites: Bool = false,
    threads: Int = 0
  ) throws(PatchError) -> AdapterSummary {
    var making = MakeAdapter(
      base: bench.path("base"), gradiend: bench.path("gradiend"), output: bench.path(output),
      featureFactors: [1], learningRate: learningRate)
    making.ggufOutput = gguf.map { bench.path($0) }
    making.rank = rank
    making.maxRelativeError = maxRelativeError
    making.savesModules = savesModules
    making.overwrites = overwrites
    making.threadCount = threads
    return try making.run()
  }

  // MARK: In double precision

  /// A matrix, row by row.
  struct Product {
    let rows: Int
    let columns: Int
    var values: [Double]

    var norm: Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
  }

  func tensor(_ name: String) throws -> Product {
    struct Missing: Error { let name: String }
    guard let tensor = tensors.first(where: { $0.name == name }) else { throw Missing(name: name) }
    return Product(
      rows: tensor.shape[0], columns: tensor.shape.count > 1 ? tensor.shape[1] : 1,
      values: tensor.values.map { Double($0) })
  }

  /// What a layer should change by, times γ: U · γ′ + W · (γ′ − γ).
  func change(_ weight: String, behind norm: String? = nil, addsOne: Bool = false) throws -> Product
  {
    var result = try tensor(weight)
    let update = updates[weight] ?? [Float](repeating: 0, count: result.values.count)
    let scale = try norm.map { try tensor($0).values.map { addsOne ? 1 + $0 : $0 } }
    for index in result.values.indices {
      let column = index % result.columns
      let change = norm.flatMap { updates[$0] }.map { Double($0[column]) } ?? 0
      result.values[index] =
        Double(update[index]) * ((scale?[column] ?? 1) + change) + result.values[index] * change
    }
    return result
  }

  /// B · A of a module of an adapter, times γ.
  func product(
    _ module: String, of adapter: String = "adapter", behind norm: String? = nil,
    addsOne: Bool = false
  ) throws -> Product {
    let file = try Checkpoint(path: bench.path(adapter + "/adapter_model.safetensors"))
    func factor(_ name: String) throws -> Product {
      struct Missing: Error { let name: String }
      let name = "base_model.model.\(module).\(name).weight"
      guard let tensor = file[name] else { throw Missing(name: name) }
      let bytes = file.bytes(of: tensor, in: 0..<tensor.byteCount)
      let values = stride(from: 0, to: bytes.count, by: 2).map {
        Double(
          Float(bitPattern: UInt32(bytes[$0]) << 16 | UInt32(bytes[$0 + 1]) << 24))
      }
      return Product(rows: tensor.shape[0], columns: tensor.shape[1], values: values)
    }
    let (a, b) = (try factor("lora_A"), try factor("lora_B"))
    let scale = try norm.map { try tensor($0).values.map { addsOne ? 1 + $0 : $0 } }
    var result = Product(
      rows: b.rows, columns: a.columns,
      values: Array(repeating: 0, count: b.rows * a.columns))
    for row in 0..<b.rows {
      for column in 0..<a.columns {
        for part in 0..<a.rows {
          result.values[row * a.columns + column] +=
            b.values[row * b.columns + part] * a.values[part * a.columns + column]
            * (scale?[column] ?? 1)
        }
      }
    }
    return result
  }

  /// ‖change − product‖ / ‖change‖.
  static func error(_ product: Product, _ change: Product) -> Double {
    let missed = zip(product.values, change.values).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return missed.squareRoot() / change.norm
  }
}
