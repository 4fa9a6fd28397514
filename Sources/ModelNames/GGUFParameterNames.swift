package import Checkpoints

/// Finds parameters of Hugging Face in a GGUF (Formats/gguf-mapping.md, section 8).
package struct GGUFParameterNames: ParameterFinder {
  private let base: any TensorSource
  package let mapping: GGUFMapping

  /// - Throws: ``CheckpointError`` if the architecture is not one whose conversion is known.
  package init(_ base: any TensorSource, _ header: GGUFHeader) throws(CheckpointError) {
    self.base = base
    mapping = try GGUFMapping(header, path: base.path)
  }

  package var remark: String {
    ", as far as names are known of GGUF of architecture \(mapping.architecture)"
  }

  package func place(of name: String, isWhole: Bool) -> ParameterPlace? {
    var name = Substring(name)
    while let wrapper = ["module.", "_orig_mod."].first(where: { name.hasPrefix($0) }) {
      name = name.dropFirst(wrapper.count)
    }
    switch mapping.destination(of: String(name)) {
    case .omitted: return ParameterPlace(shape: nil, pieces: [])
    case .tensor(let stored, let order, let addsOne):
      guard let tensor = base[stored] else { return nil }
      return ParameterPlace(
        shape: order.shape(of: tensor.shape),
        pieces: [.init(tensor: tensor, order: order, addsOne: addsOne)])
    case nil: return nil
    }
  }
}
