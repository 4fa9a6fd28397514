package import ByteIO
package import Checkpoints
internal import ModelNames
package import PatchEngine
internal import Synchronization

/// Makes a LoRA of what a GRADIEND adds to a base, before it is rounded (Formats/adapter.md).
package struct AdapterMaking {
  private let base: Checkpoint
  private let plan: AdapterPlan
  private let kind: LinearLayers
  private let update: GradiendSum
  private let blas: OpenBLAS
  private let card: @Sendable (AdapterDescription) throws(PatchError) -> String
  /// What the factors' files say of where the adapter comes from.
  package var origin: [SafetensorsHeader.Metadatum] = []
  /// The base's repository and commit, where they are known.
  package var baseName: (repository: String, commit: String)?
  /// Nil for the smallest that keeps to ``maxRelativeError``, or, if there is none either, the usual one.
  package var rank: Int?
  /// What the whole may err; nil for the usual limit.
  package var maxRelativeError: Double?
  /// Files of the GRADIEND.
  package var otherFiles: [MappedFile] = []

  /// What is chosen where nothing is.
  package static let defaultRank = 8
  package static let defaultLimit = 0.8
  package static let ranks = 1...256

  /// - Parameters:
  ///   - base: the base.
  ///   - update: what is added to it.
  ///   - savesModules: whether norms and embeddings are brought whole, for PEFT alone.
  ///   - card: writes the text of the folder's card.
  /// - Throws: ``PatchError`` if no adapter can be made for the base, or OpenBLAS is not there.
  package init(
    base: Checkpoint, _ update: GradiendSum, savesModules: Bool,
    card: @escaping @Sendable (AdapterDescription) throws(PatchError) -> String
  ) throws(PatchError) {
    (self.base, self.update, self.card) = (base, update, card)
    kind = try LinearLayers.of(base)
    plan = try AdapterPlan(base, kind, update, savesModules: savesModules)
    blas = try OpenBLAS.load()
  }

  /// Makes the adapter.
  ///
  /// - Parameters:
  ///   - path: the folder to make.
  ///   - ggufPath: the GGUF adapter to make, if any; it has no place for modules that are brought whole.
  ///   - overwrites: whether these may exist.
  ///   - execution: on which threads.
  /// - Returns: what was made, and what it misses.
  /// - Throws: ``PatchError`` if it would err by more than is allowed; nothing then has the outputs'
  ///   names.
  /// - Complexity: O(elements · rank), with the largest matrix of a layer in memory.
  package func run(
    path: String, ggufPath: String?, overwrites: Bool, _ execution: Execution
  ) throws(PatchError) -> AdapterSummary {
    let limit = maxRelativeError ?? Self.defaultLimit
    guard rank.map(Self.ranks.contains) ?? true, limit > 0, limit <= 1 else {
      throw PatchError(
        .usage,
        "the rank must be from \(Self.ranks.lowerBound) to \(Self.ranks.upperBound), and the allowed "
          + "relative error above 0 and at most 1")
    }
    guard ggufPath == nil || plan.saved.isEmpty else {
      throw PatchError(
        .usage, path: ggufPath,
        "llama.cpp takes no modules that are brought whole, so there is no GGUF adapter with them",
        remedy: "make two adapters, one for PEFT alone")
    }
    let isSearch = rank == nil && maxRelativeError != nil
    var rank = try isSearch ? smallestRank(limit, execution) : rank ?? Self.defaultRank
    while true {
      let outputs = try AdapterOutputs(path, ggufPath, overwrites: overwrites)
      let summary = try write(outputs, rank: rank, execution)
      // The search knows what rounding the factors costs to a small part of it.
      if summary.relativeError > limit, isSearch, rank < Self.ranks.upperBound {
        rank += 1
        continue
      }
      guard summary.relativeError <= limit else { throw refusal(summary, limit) }
      for file in base.mappedFiles + otherFiles where file.hasChanged {
        throw PatchError.changed(file.path)
      }
      try outputs.publish()
      return summary
    }
  }

  private func refusal(_ summary: AdapterSummary, _ limit: Double) -> PatchError {
    PatchError(
      .badInput, path: base.path,
      "an adapter of rank \(summary.rank) errs by \(Quantity.decimal(summary.relativeError, digits: 3)) of "
        + "the update, and \(Quantity.decimal(limit, digits: 3)) is allowed: the rank is too small, or the "
        + "GRADIEND was barely trained and most of its decoder is still its random start",
      remedy: "choose a larger rank, allow a larger error, or make a patch with 'create'",
      option: .adapterError)
  }
}

// MARK: - Passes

extension AdapterMaking {
  /// Calls `body` with each layer's position and change, and reports progress.
  private func forEachLayer(
    _ execution: Execution,
    _ body: (Int, LayerChange) throws(PatchError) -> Void
  ) throws(PatchError) {
    let byteCount = plan.layers.reduce(0) { $0 + $1.tensor.byteCount }
    var done = 0
    for (number, layer) in plan.layers.enumerated() {
      try execution.cancellation?.check()
      try body(number, LayerChange(of: layer, base, execution))
      done += layer.tensor.byteCount
      execution.progress?(
        OperationProgress(
          tensorsDone: number + 1, tensorCount: plan.layers.count, bytesDone: done,
          byteCount: byteCount))
    }
  }

  /// The smallest rank whose factors err by `limit` at most before they are rounded, and leave room
  /// for that.
  ///
  /// - Throws: ``PatchError`` if there is none.
  private func smallestRank(
    _ limit: Double, _ execution: Execution
  ) throws(PatchError) -> Int {
    // Each of two factors is rounded to 8 bits, by errors that are spread evenly.
    let rounding = 2 * 0x1p-18 / 3
    var least = 1.0
    for most in [8, 32, 128, Self.ranks.upperBound] {
      var (whole, kept) = (0.0, [Double](repeating: 0, count: most))
      try forEachLayer(execution.silent) { (number, change) throws(PatchError) in
        guard change.squares.isFinite else { throw tooLarge(plan.layers[number].tensor) }
        whole += change.squares
        let approximation = try approximation(of: change, rank: most, execution)
        var sum = 0.0
        for rank in 0..<most {
          if rank < approximation.values.count {
            sum += approximation.values[rank] * approximation.values[rank]
          }
          kept[rank] += sum
        }
      }
      let errors = kept.map { max(0, whole == 0 ? 0 : 1 - $0 / whole) + rounding }
      if let found = errors.firstIndex(where: { $0 <= limit * limit }) { return found + 1 }
      least = (errors.last ?? 1).squareRoot()
    }
    throw PatchError(
      .badInput, path: base.path,
      "no rank up to \(Self.ranks.upperBound) errs by \(Quantity.decimal(limit, digits: 4)) or less; the "
        + "largest errs by \(Quantity.decimal(least, digits: 4))",
      remedy: "allow a larger error, or make a patch with 'create'", option: .adapterError)
  }

  private func tooLarge(_ tensor: StoredTensor) -> PatchError {
    PatchError(
      .badInput, path: base.path, tensor: tensor.name,
      "what is added to tensor '\(tensor.name)' is too large for an adapter in single precision",
      remedy: "make a patch with 'create'")
  }

  private func approximation(
    of change: LayerChange, rank: Int, _ execution: Execution
  ) throws(PatchError) -> LowRank {
    try LowRank(
      of: change.matrix, rank: min(rank, change.matrix.rowCount, change.matrix.columnCount), blas,
      execution)
  }

  private func write(
    _ outputs: AdapterOutputs, rank: Int, _ execution: Execution
  ) throws(PatchError) -> AdapterSummary {
    let outline = summary(outputs, rank: rank, [], [], byteCount: 0)
    var files: [any AdapterFile] = []
    let factors = try PatchError.writing(outputs.path) { () throws(SystemError) in
      let file = try outputs.folder.createFile(AdapterFolder.factorsName)
      return FactorsFile(file, path: outputs.path, plan, origin, outline)
    }
    files.append(factors)
    if let gguf = outputs.gguf {
      files.append(
        try GGUFAdapterFile(gguf.contents, path: gguf.path, plan, of: base, origin, outline))
    }
    var measures: [Measure] = []
    try forEachLayer(execution) { (number, change) throws(PatchError) in
      let approximation = try approximation(of: change, rank: rank, execution)
      let factors = LayerFactors(approximation, of: plan.layers[number], rank: rank)
      let missed = try factors.missedSquares(of: change, blas, execution)
      guard missed.isFinite, change.squares.isFinite else {
        throw tooLarge(plan.layers[number].tensor)
      }
      for file in files {
        try PatchError.writing(file.path) { () throws(SystemError) in
          try file.write(factors, of: number)
        }
      }
      measures.append(
        Measure(update: change.updateSquares, change: change.squares, missed: missed))
    }
    for number in plan.saved.indices { try save(number, in: factors, execution) }
    let others = try (plan.leftOut + plan.saved.map(\.tensor)).map { (tensor) throws(PatchError) in
      try squares(of: tensor, execution)
    }
    let summary = summary(outputs, rank: rank, measures, others, byteCount: factors.byteCount)
    for file in files {
      try PatchError.writing(file.path) { () throws(SystemError) in try file.finish(summary) }
    }
    let configuration = plan.configuration(rank: rank, kind, of: base, named: baseName)
    var description = try PatchError.opening { () throws(CheckpointError) in
      try CheckpointError.attributing(outputs.path) { () throws(FormatError) in
        try AdapterDescription(
          parsing: origin + summary.metadata, configuration, byteCount: factors.byteCount)
      }
    }
    description.ggufName = outputs.gguf?.name
    let card = try card(description)
    try PatchError.writing(outputs.path) { () throws(SystemError) in
      for (name, text) in [
        (AdapterFolder.configurationName, configuration.text(isIndented: true) + "\n"),
        (AdapterFolder.cardName, card),
      ] {
        try outputs.folder.createFile(name).write(Array(text.utf8).rawSpan, at: 0)
      }
    }
    return summary
  }

  /// Writes a tensor that is brought whole.
  private func save(
    _ number: Int, in factors: FactorsFile, _ execution: Execution
  ) throws(PatchError) {
    let saved = plan.saved[number]
    let stripes = Matrix.stripes(of: saved.tensor.descriptor.elementCount, width: 1)
    try execution.forEach(stripes.count) { (position) throws(PatchError) in
      let stripe = stripes[position]
      let values = saved.values(base, from: stripe.lowerBound, count: stripe.count)
      try PatchError.writing(factors.path) { () throws(SystemError) in
        try factors.write(values, ofSaved: number, fromElement: stripe.lowerBound)
      }
    }
  }

  /// Sums of squares of a layer.
  private struct Measure {
    let update: Double
    let change: Double
    let missed: Double
  }

  /// The sum of the squares of what the GRADIEND adds to a tensor.
  private func squares(
    of tensor: StoredTensor, _ execution: Execution
  ) throws(PatchError) -> Double {
    let stripes = Matrix.stripes(of: tensor.descriptor.elementCount, width: 1)
    let sums = OrderedSums(count: stripes.count)
    try execution.forEach(stripes.count) { (number) throws(PatchError) in
      let values = update.sums(of: tensor.name).values(
        fromElement: stripes[number].lowerBound, count: stripes[number].count)
      sums.record(Adapter.squares(of: values.span), of: number)
    }
    return sums.total
  }

  /// What is known of the adapter. Without measures it is an outline, whose texts are as long.
  private func summary(
    _ outputs: AdapterOutputs, rank: Int, _ measures: [Measure], _ others: [Double], byteCount: Int
  ) -> AdapterSummary {
    let norms = plan.foldedNormSquares
    let whole = measures.reduce(others.reduce(norms, +)) { $0 + $1.update }
    func share(_ part: Double, of whole: Double) -> Double { whole > 0 ? part / whole : 0 }
    return AdapterSummary(
      path: outputs.path, ggufPath: outputs.gguf?.path, byteCount: byteCount, rank: rank,
      relativeError: share(
        measures.reduce(0) { $0 + $1.missed }, of: measures.reduce(0) { $0 + $1.change }
      ).squareRoot(),
      layers: plan.layers.enumerated().map { number, layer in
        let measure =
          number < measures.count ? measures[number] : Measure(update: 0, change: 0, missed: 0)
        return .init(
          module: layer.module, share: share(measure.update, of: whole),
          relativeError: share(measure.missed, of: measure.change).squareRoot())
      },
      leftOut: plan.leftOut.enumerated().map { number, tensor in
        .init(
          tensor: tensor.name, share: number < others.count ? share(others[number], of: whole) : 0)
      },
      savedModules: plan.savedModules)
  }
}
