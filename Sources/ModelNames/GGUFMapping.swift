package import Checkpoints

/// Where the tensors of a Hugging Face checkpoint are in a GGUF that was converted from it
/// (Formats/gguf-mapping.md).
package struct GGUFMapping: Sendable {
  /// What became of a tensor.
  package enum Destination: Equatable, Sendable {
    /// The tensor of this name, its elements in this order. If `addsOne`, 1 was added to each.
    case tensor(name: String, order: ElementOrder, addsOne: Bool)
    /// The converter leaves it out.
    case omitted
  }

  package let architecture: String
  private let table: GGUFNameTable
  private let headCount: Int?
  private let keyHeadCount: Int?
  /// The last of the first positions that no token has; nil if all may be used.
  private let lastUnusedPosition: Int?
  /// How many rows of the embedding are those of words; nil if all are.
  private let wordCount: Int?

  /// - Throws: ``CheckpointError`` if the architecture is not one whose conversion is known.
  package init(_ header: GGUFHeader, path: String) throws(CheckpointError) {
    guard let architecture = header["general.architecture"]?.string
    else {
      throw CheckpointError(
        path: path, .inconsistent("the file does not say its general.architecture"))
    }
    guard let table = GGUFNameTable.byArchitecture[architecture] else {
      let known = GGUFNameTable.byArchitecture.keys.sorted().joined(separator: ", ")
      throw CheckpointError(
        path: path,
        .inconsistent(
          "names of Hugging Face are known for GGUF of the architectures \(known); this is "
            + "\(architecture), which is converted in a way that is not known here"))
    }
    self.architecture = architecture
    self.table = table
    headCount = header["\(architecture).attention.head_count"]?.integer
    keyHeadCount = header["\(architecture).attention.head_count_kv"]?.integer ?? headCount
    (lastUnusedPosition, wordCount) = (nil, nil)
  }

  /// How a Hugging Face checkpoint would be converted.
  ///
  /// - Throws: ``CheckpointError`` if its configuration is not there, or is that of a model whose
  ///   conversion is not known.
  package init(_ configuration: ModelConfiguration) throws(CheckpointError) {
    let modelType = configuration.modelType ?? "of no type"
    guard let architecture = GGUFNameTable.architectures[modelType],
      let table = GGUFNameTable.byArchitecture[architecture]
    else {
      let known = GGUFNameTable.architectures.keys.sorted().joined(separator: ", ")
      throw CheckpointError(
        path: configuration.path,
        .inconsistent(
          "how llama.cpp converts a checkpoint is known for models of the types \(known); this is "
            + modelType))
    }
    self.architecture = architecture
    self.table = table
    headCount = configuration.headCount
    keyHeadCount = configuration.keyHeadCount ?? headCount
    let countsFromPadding = ["roberta", "xlm-roberta"].contains(modelType)
    lastUnusedPosition = countsFromPadding ? configuration.paddingToken : nil
    // The tokenizer of Gemma 3 has no image among its words.
    wordCount = modelType == "gemma3" ? configuration.imageToken : nil
  }

  /// How a checkpoint would be converted; nil if it is none of Hugging Face, or that is not known.
  package init?(of base: any TensorSource) {
    guard !base.isGGUF, let configuration = base.configuration,
      let mapping = try? GGUFMapping(configuration)
    else { return nil }
    self = mapping
  }

  /// What became of the tensor that Hugging Face calls `name`; nil if that is not known.
  package func destination(of name: String) -> Destination? {
    let short = table.prefixes.first { name.hasPrefix($0) }.map { name.dropFirst($0.count) }
    let (whole, number) = Self.withoutNumber(short ?? name[...])
    let parts = whole.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    if table.dropped.contains(where: { whole.hasPrefix($0) }) { return .omitted }
    let endings = ["weight": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"]
    guard let last = parts.last, let ending = endings[last],
      let entry = table.names[parts.dropLast().joined(separator: ".")]
    else { return nil }
    let stem = number.map { entry.name.replacing(".N.", with: ".\($0).") } ?? entry.name
    let order: ElementOrder
    switch entry.change {
    case .queryRows:
      guard let headCount else { return nil }
      order = .interleavedHalves(headCount: headCount)
    case .keyRows:
      guard let keyHeadCount else { return nil }
      order = .interleavedHalves(headCount: keyHeadCount)
    case .transposed where ending == "weight": order = .transposed
    default: order = .same
    }
    let addsOne = if case .plusOne = entry.change { ending == "weight" } else { false }
    return .tensor(name: "\(stem).\(ending)", order: order, addsOne: addsOne)
  }

  /// The name of the tensor that the one that Hugging Face calls `name` became, if there is one.
  package func name(of name: String) -> String? {
    if case .tensor(let name, _, _) = destination(of: name) { name } else { nil }
  }

  /// A name with `N` for the number of its layer, and that number.
  private static func withoutNumber(_ name: Substring) -> (stem: String, number: String?) {
    var parts = name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    let layer = parts.firstIndex { !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } }
    guard let layer else { return (String(name), nil) }
    let number = parts[layer]
    parts[layer] = "N"
    return (parts.joined(separator: "."), number)
  }

  /// Whether the converter added 1 to the elements of the GGUF's tensor of this name.
  package func addsOne(to name: String) -> Bool {
    guard name.hasSuffix(".weight") else { return false }
    let stem = Self.withoutNumber(name.dropLast(".weight".count)).stem
    return table.names.values.contains { entry in
      if case .plusOne = entry.change { entry.name == stem } else { false }
    }
  }

  /// The rows that a GGUF has of a tensor of Hugging Face, if it may lack others: a table of words or
  /// positions.
  package func keptRows(of tensor: StoredTensor) -> Range<Int>? {
    guard tensor.shape.count == 2, tensor.shape[1] > 0, tensor.elementType.elementByteCount != nil
    else { return nil }
    let (count, stored) = (tensor.shape[0], name(of: tensor.name))
    // A head that is the embedding is cut like it, so that the two have the same digests.
    if stored == Self.embedding || OutputHead.isHead(tensor.name, isGGUF: false) {
      guard let wordCount, wordCount > 0, wordCount < count else { return nil }
      return 0..<wordCount
    }
    guard let stored, isCutInFront(stored), let lastUnusedPosition, lastUnusedPosition >= 0,
      lastUnusedPosition < count - 1
    else { return nil }
    return lastUnusedPosition + 1..<count
  }

  /// Whether a table of the shape `shape` is one of the shape `whole` whose unused rows the converter
  /// has cut: those of positions, or of words.
  package static func isCut(_ shape: [Int], from whole: [Int]) -> Bool {
    shape.count == 2 && whole.count == 2 && shape[1] == whole[1] && shape[0] < whole[0]
  }

  /// Whether rows that a GGUF lacks are the first ones, as those of positions that RoBERTa never uses.
  package func isCutInFront(_ name: String) -> Bool { name == "position_embd.weight" }

  /// Whether the converter computes the tensor of this name from the configuration alone.
  package static func isComputed(_ name: String) -> Bool {
    ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"].contains(name)
  }

  /// The output head, and the embedding that it may be a copy of.
  package static let head = "output.weight"
  package static let embedding = "token_embd.weight"
}
