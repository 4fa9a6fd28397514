/// Where in a model a tensor belongs, as its name tells.
///
/// Names of all common architectures number the layers in the first component that is a number:
/// `model.layers.12.self_attn.q_proj.weight`, `h.3.attn.c_attn.weight`, `blk.4.attn_q.weight`.
package struct TensorLocation: Equatable {
  /// What is before the number: a model has one stack of layers or more.
  package let stack: String
  /// Nil outside of all stacks.
  package let layer: Int?
  /// What is after the number, or the whole name without one. Weight and bias are one module, and
  /// so are the experts of a layer.
  package let module: String

  package init(_ name: String) {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let number = parts.firstIndex { Self.number($0) != nil }
    stack = number.map { parts[..<$0].joined(separator: ".") } ?? ""
    layer = number.flatMap { Self.number(parts[$0]) }
    var rest = Array(parts[(number.map { $0 + 1 } ?? 0)...])
    if Self.hasLeaf(rest) { rest.removeLast() }
    for index in rest.indices.dropFirst()
    where rest[index - 1].hasSuffix("experts") && Self.number(rest[index]) != nil {
      rest[index] = "*"
    }
    module = rest.isEmpty ? name : rest.joined(separator: ".")
  }

  private init(stack: String, layer: Int?, module: String) {
    self.stack = stack
    self.layer = layer
    self.module = module
  }

  /// With every number in the module's name left open, for models with very many modules.
  package var withoutNumbers: Self {
    let parts = module.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let open = parts.map { Self.number($0) == nil ? $0 : "*" }
    return Self(stack: stack, layer: layer, module: open.joined(separator: "."))
  }

  /// The same tensor, named by all of its name rather than by a layer.
  package func outside(name: String) -> Self {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let module = Self.hasLeaf(parts) ? parts.dropLast() : parts[...]
    return Self(stack: "", layer: nil, module: module.joined(separator: "."))
  }

  private static func hasLeaf(_ parts: [String]) -> Bool {
    parts.count > 1 && ["weight", "bias"].contains(parts.last)
  }

  private static func number(_ text: String) -> Int? {
    guard text.utf8.count < 7, let number = Int(text), String(number) == text, number >= 0 else {
      return nil
    }
    return number
  }
}

extension TensorLocation {
  /// Modules in the order in which a layer computes: attention, feed-forward, then norms.
  package var rank: Int {
    let name = module.lowercased()
    let leaf = name.split { $0 == "." || $0 == "_" }.last { $0 != "proj" } ?? ""
    func holds(_ words: String...) -> Bool { words.contains { name.contains($0) } }
    if holds("norm") || name.hasPrefix("ln") { return 90 }
    if holds("cross", "encdecattention") { return 20 + Self.rank(ofAttention: leaf) }
    if holds("attn", "attention") { return 10 + Self.rank(ofAttention: leaf) }
    if holds("mlp", "ffn", "feed_forward", "dense", "experts", "intermediate") {
      return 30 + Self.rank(ofFeedForward: leaf)
    }
    return 80
  }

  private static func rank(ofAttention leaf: Substring) -> Int {
    switch leaf {
    case "q", "query": 0
    case "k", "key": 1
    case "v", "value": 2
    case "o", "out", "output", "dense": 5
    default: 3
    }
  }

  private static func rank(ofFeedForward leaf: Substring) -> Int {
    switch leaf {
    case "gate": 0
    case "up", "fc", "wi": 1
    case "down", "wo": 5
    default: 3
    }
  }

  /// Whether it belongs before the layers rather than after them.
  package var isInput: Bool {
    let name = module.lowercased()
    return ["embed", "embd", "wte", "wpe", "shared"].contains { name.contains($0) }
  }
}
