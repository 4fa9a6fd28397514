internal import Checkpoints
internal import Gradiend
internal import PatchEngine

/// Which layers of a base an adapter changes, and what the GRADIEND changes besides.
struct AdapterPlan: Sendable {
  /// A linear layer that gets an adapter.
  struct Layer: Sendable {
    /// As PEFT names it.
    let module: String
    let tensor: StoredTensor
    let storage: FloatStorage
    let sums: [WeightSum]
    let norm: FoldedNorm?
    /// Whether the tensor is stored as input × output.
    let isTransposed: Bool

    var rowCount: Int { tensor.shape[0] }
    var columnCount: Int { tensor.shape[1] }
    var outputCount: Int { isTransposed ? columnCount : rowCount }
    var inputCount: Int { isTransposed ? rowCount : columnCount }
  }

  /// In the order of the base.
  let layers: [Layer]
  /// The sum of the squares of what is added to norms that are folded into the layers they feed.
  let foldedNormSquares: Double
  /// What PEFT takes whole.
  let saved: [SavedTensor]
  /// What nothing takes.
  let leftOut: [StoredTensor]
  /// PEFT's pattern of names.
  let targetModules: [String]

  /// - Throws: ``PatchError`` if nothing is left, or a layer is not what its name says.
  init(
    _ base: any TensorSource, _ kind: LinearLayers, _ update: GradiendSum, savesModules: Bool
  ) throws(PatchError) {
    var layers: [Layer] = []
    var norms: [String: FoldedNorm] = [:]
    var otherModules: [String] = []
    for tensor in base.tensors {
      guard let place = kind.place(of: tensor.name) else {
        // It may have a layer's name all the same, as a head's `dense` has.
        if let leaf = tensor.name.lastIndex(of: ".") {
          otherModules.append(String(tensor.name[..<leaf]))
        }
        continue
      }
      if !savesModules, let name = place.norm, norms[name] == nil, let norm = base[name],
        update.changes(name), base[Self.bias(of: name)] == nil
      {
        norms[name] = try FoldedNorm(
          norm, update.sums(of: name), of: base, addsOne: kind.addsOne, width: tensor.shape.last)
      }
      let norm = place.norm.flatMap { norms[$0] }
      let sums = update.sums(of: tensor.name)
      guard norm != nil || !sums.isEmpty else {
        otherModules.append(place.module)
        continue
      }
      guard tensor.shape.count == 2, tensor.shape.allSatisfy({ (1...Self.lengthLimit) ~= $0 }),
        let storage = FloatStorage(tensor.elementType)
      else {
        throw PatchError(
          .badInput, path: base.path, tensor: tensor.name,
          "tensor '\(tensor.name)' is \(tensor.elementType.name) \(tensor.shape), not the weight of a "
            + "linear layer in F32, F16 or BF16")
      }
      layers.append(
        Layer(
          module: place.module, tensor: tensor, storage: storage, sums: sums, norm: norm,
          isTransposed: kind.isTransposed))
    }
    guard !layers.isEmpty else {
      throw PatchError(
        .badInput, path: base.path, "the GRADIEND changes no linear layer of this model",
        remedy: "'create' makes a patch, which takes any tensor")
    }
    self.layers = layers
    foldedNormSquares = base.tensors.compactMap { norms[$0.name] }
      .reduce(0) { $0 + squares(of: $1.change.span) }
    saved =
      savesModules
      ? SavedTensor.all(of: base, kind, update, besides: Set(layers.map(\.module))) : []
    let taken = Set(layers.map(\.tensor.name) + saved.map(\.tensor.name)).union(norms.keys)
    leftOut = base.tensors.filter { update.changes($0.name) && !taken.contains($0.name) }
    let last = Set(layers.map { Self.lastPart($0.module) })
    targetModules =
      otherModules.contains { last.contains(Self.lastPart($0)) }
      ? layers.map(\.module) : last.sorted()
  }

  /// Modules that PEFT takes whole, each once.
  var savedModules: [String] { saved.map(\.module).uniqued }

  /// BLAS counts in 32 bits, and needs some room beside rows and columns.
  private static let lengthLimit = 1 << 30

  private static func bias(of weight: String) -> String {
    weight.dropLast("weight".count) + "bias"
  }

  private static func lastPart(_ module: String) -> String {
    module.split(separator: ".").last.map(String.init) ?? module
  }
}
