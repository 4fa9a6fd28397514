internal import Checkpoints
package import PatchEngine
internal import PatchFormat

/// Writes the patch between two models in memory, which has no files to speak of.
package enum LiveDiff {
  /// - Parameters:
  ///   - base: the base.
  ///   - result: the same tensors, tied as they are there.
  ///   - output: where the patch goes, and nothing is.
  ///   - execution: how.
  /// - Returns: what was written.
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of both), with a few chunks of memory for each thread.
  package static func write(
    _ base: MemoryModel, _ result: MemoryModel, to output: String, _ execution: Execution
  ) throws(PatchError) -> PatchSummary {
    try both(base, result) { () throws(PatchError) in
      try writeAlone(base, result, to: output, execution)
    }
  }

  /// Runs `body` while nobody else works on either model.
  private static func both<Outcome: Sendable>(
    _ base: MemoryModel, _ result: MemoryModel, _ body: () throws(PatchError) -> Outcome
  ) throws(PatchError) -> Outcome {
    guard base !== result else { return try base.exclusively(body) }
    // In one order, whoever asks, so that nobody waits for what waits for them.
    let isFirst = ObjectIdentifier(base) < ObjectIdentifier(result)
    let (first, second) = isFirst ? (base, result) : (result, base)
    return try first.exclusively { () throws(PatchError) in try second.exclusively(body) }
  }

  private static func writeAlone(
    _ base: MemoryModel, _ result: MemoryModel, to output: String, _ execution: Execution
  ) throws(PatchError) -> PatchSummary {
    let tensors = try ComparedTensor.pairs(base, result)
    try checkTies(base, result)
    var encoder = PatchEncoder(
      base: base, tensors: tensors, source: .diff, output: output, overwrites: false)
    encoder.otherInputs = [result]
    encoder.finalCheck = { () throws(PatchError) in
      try base.checkWasRead()
      try result.checkWasRead()
    }
    return try base.reading { () throws(PatchError) in
      try result.reading { () throws(PatchError) in try encoder.run(execution) }
    }
  }

  /// A name that is one with another in one of the two only would change without the patch telling.
  private static func checkTies(
    _ base: MemoryModel, _ result: MemoryModel
  ) throws(PatchError) {
    let (owners, others) = (owners(in: base), owners(in: result))
    for name in base.names + result.names where owners[name] != others[name] {
      throw PatchError(
        .badInput, tensor: name,
        "tensor '\(name)' shares its memory with another in one of the two models only",
        remedy: "tie it in both, or in neither")
    }
  }

  /// By each name, the first one of the same memory.
  private static func owners(in model: MemoryModel) -> [String: String] {
    var firsts: [Int: String] = [:]
    var owners: [String: String] = [:]
    for name in model.names {
      guard let tensor = model[name] else { continue }
      let first = firsts[tensor.fileIndex] ?? name
      firsts[tensor.fileIndex] = first
      owners[name] = first
    }
    return owners
  }
}
