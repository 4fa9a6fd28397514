internal import Checkpoints

/// Where a parameter of a GRADIEND is in the files of a base.
struct ParameterPlace {
  /// A run of the parameter's elements that is one tensor.
  struct Piece {
    /// Position in the base's tensors.
    let tensorIndex: Int
    /// The first element, in the parameter's order.
    var firstElement = 0
    /// From the parameter's order to the file's.
    var layout = GGUFMapping.Layout.same
    /// Whether 1 was added to the elements.
    var isShifted = false
  }

  /// The shape that the parameter has by the files; nil if they do not tell.
  let shape: [Int]?
  /// In the order of their elements; none if the files leave the parameter out.
  let pieces: [Piece]
}

/// Finds the places of a GRADIEND's parameters.
protocol ParameterFinder {
  /// - Parameters:
  ///   - name: the parameter's name in memory.
  ///   - isWhole: whether the name has all its parts and no others.
  /// - Returns: nil if there is no such parameter, or more than one.
  func place(of name: String, isWhole: Bool) -> ParameterPlace?

  /// What else to say of a parameter that is not found: the end of a sentence, or nothing.
  var remark: String { get }
}
