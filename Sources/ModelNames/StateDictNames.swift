internal import ByteIO
package import Checkpoints

/// Finds parameters by their names in memory in files of Hugging Face, where some families have
/// others (Formats/gradiend-checkpoint.md, section 5).
package struct StateDictNames: ParameterFinder {
  private let tensors: [String: StoredTensor]
  private let names: ParameterNames
  /// What `config.json` says.
  private let modelType: String?

  /// How a family stores its experts, and what it calls the router.
  private struct Experts {
    let folder: String
    let gate: String
    let up: String
    let down: String
    var router: (inMemory: String, inFile: String)?

    static let mixtral = Experts(
      folder: "block_sparse_moe", gate: "w1", up: "w3", down: "w2",
      router: ("mlp.gate.weight", "block_sparse_moe.gate.weight"))
    static let phi = Experts(
      folder: "block_sparse_moe", gate: "w1", up: "w3", down: "w2",
      router: ("mlp.router.weight", "block_sparse_moe.gate.weight"))
    static let qwen = Experts(
      folder: "mlp", gate: "gate_proj", up: "up_proj", down: "down_proj")
  }

  private static let families: [String: Experts] = [
    "mixtral": .mixtral, "phimoe": .phi, "qwen2_moe": .qwen, "qwen3_moe": .qwen, "olmoe": .qwen,
  ]
  private static let neoX = "gpt_neox"

  package init(_ base: any TensorSource) {
    self.init(base.tensors, modelType: base.configuration?.modelType)
  }

  /// - Parameters:
  ///   - tensors: of the base's files, each name once.
  ///   - modelType: nil where nobody knows.
  package init(_ tensors: [StoredTensor], modelType: String?) {
    self.tensors = Dictionary(tensors.map { ($0.name, $0) }) { first, _ in first }
    names = ParameterNames(tensors.map(\.name))
    self.modelType = modelType
  }

  package var remark: String {
    guard let modelType, modelType != Self.neoX, Self.families[modelType] == nil else { return "" }
    let known = (Self.families.keys + [Self.neoX]).sorted().joined(separator: ", ")
    return "; this is a model of type \(modelType), and names in memory that differ from those in "
      + "files are known of \(known)"
  }

  package func place(of name: String, isWhole: Bool) -> ParameterPlace? {
    if let found = tensor(of: name, isWhole) { return whole(found) }
    guard let modelType else { return nil }
    if modelType == Self.neoX {
      let head = Self.replacing("lm_head.weight", in: name, with: "embed_out.weight")
      return head.flatMap { tensor(of: $0, isWhole) }.map(whole)
    }
    guard let experts = Self.families[modelType] else { return nil }
    if let router = experts.router,
      let renamed = Self.replacing(router.inMemory, in: name, with: router.inFile)
    {
      return tensor(of: renamed, isWhole).map(whole)
    }
    for (stack, parts) in [
      ("mlp.experts.gate_up_proj", [experts.gate, experts.up]),
      ("mlp.experts.down_proj", [experts.down]),
    ] {
      guard let stem = Self.replacing(stack, in: name, with: experts.folder + ".experts") else {
        continue
      }
      return self.stack(stem, parts, isWhole)
    }
    return nil
  }

  private func tensor(of name: String, _ isWhole: Bool) -> StoredTensor? {
    names.tensor(for: name, isWhole: isWhole).flatMap { tensors[$0] }
  }

  private func whole(_ tensor: StoredTensor) -> ParameterPlace {
    ParameterPlace(shape: tensor.shape, pieces: [.init(tensor: tensor)])
  }

  /// The experts one after the other; of each, the rows of one part after those of the other.
  private func stack(_ stem: String, _ parts: [String], _ isWhole: Bool) -> ParameterPlace? {
    var pieces: [ParameterPlace.Piece] = []
    var shape: [Int]?
    var expertCount = 0
    while true {
      let found = parts.compactMap { tensor(of: "\(stem).\(expertCount).\($0).weight", isWhole) }
      guard !found.isEmpty else { break }
      guard found.count == parts.count else { return nil }
      for tensor in found {
        let descriptor = tensor.descriptor
        guard descriptor.shape.count == 2, descriptor.shape == shape ?? descriptor.shape else {
          return nil
        }
        shape = descriptor.shape
        pieces.append(
          .init(tensor: tensor, firstElement: pieces.count * descriptor.elementCount))
      }
      expertCount += 1
    }
    guard let shape, let rowCount = [parts.count, shape[0]].checkedProduct,
      [expertCount, rowCount, shape[1]].checkedProduct != nil
    else { return nil }
    return ParameterPlace(shape: [expertCount, rowCount, shape[1]], pieces: pieces)
  }

  /// `name` with another end, if it ends so.
  private static func replacing(
    _ end: String, in name: String, with replacement: String
  ) -> String? {
    guard name == end || name.hasSuffix("." + end) else { return nil }
    return name.dropLast(end.count) + replacement
  }
}
