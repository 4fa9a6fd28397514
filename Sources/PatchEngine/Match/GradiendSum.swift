package import Gradiend

/// What one GRADIEND or several add to a base together.
package struct GradiendSum {
  private let summands: [(match: GradiendMatch, output: DecoderOutput)]

  /// - Parameter summands: GRADIENDs matched to one base, and what is added of each, in the order in
  ///   which that is added.
  package init(_ summands: [(match: GradiendMatch, output: DecoderOutput)]) {
    self.summands = summands
  }

  /// What is added to the tensor of this name, one after the other; none if it stays.
  ///
  /// Of several GRADIENDs all is one sum. One alone has more than one sum for a parameter that it
  /// lists more than once (Formats/gradiend-checkpoint.md, section 6).
  package func sums(of tensor: String) -> [WeightSum] {
    let updates = summands.flatMap { summand in
      (summand.match.updates[tensor] ?? []).map { (update: $0, output: summand.output) }
    }
    guard summands.count > 1 else { return updates.map { WeightSum([$0]) } }
    return updates.isEmpty ? [] : [WeightSum(updates)]
  }

  /// Whether anything is added to the tensor of this name.
  package func changes(_ tensor: String) -> Bool {
    summands.contains { $0.match.updates[tensor] != nil }
  }

  /// The entries of a GRADIEND that are added to tensors.
  ///
  /// - Parameters:
  ///   - position: of the GRADIEND.
  ///   - tensors: names of tensors; nil for all.
  /// - Returns: a range for each time that a parameter is added.
  package func entries(_ position: Int, of tensors: [String]? = nil) -> [Range<Int>] {
    let updates = summands[position].match.updates
    let added = tensors.map { $0.compactMap { updates[$0] } } ?? Array(updates.values)
    return added.joined().map(\.coverage.entries)
  }

  /// What a user should know of the choice of tensors, each sentence once.
  package var notes: [String] { summands.flatMap(\.match.notes).uniqued }
}
