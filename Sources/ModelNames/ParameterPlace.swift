package import Checkpoints

/// Where a parameter of a GRADIEND is in a base.
package struct ParameterPlace {
  /// A run of the parameter's elements that is one tensor.
  package struct Piece {
    /// Of the base.
    package let tensor: StoredTensor
    /// The first element, in the parameter's order.
    package var firstElement = 0
    /// From the parameter's order to the base's.
    package var order = ElementOrder.same
    /// Whether 1 was added to the elements.
    package var addsOne = false
  }

  /// The shape that the parameter has by the files; nil if they do not tell.
  package let shape: [Int]?
  /// In the order of their elements; none if the files leave the parameter out.
  package let pieces: [Piece]
}

/// Finds the places of a GRADIEND's parameters.
package protocol ParameterFinder {
  /// - Parameters:
  ///   - name: the parameter's name in memory.
  ///   - isWhole: whether the name has all its parts and no others.
  /// - Returns: nil if there is no such parameter, or more than one.
  func place(of name: String, isWhole: Bool) -> ParameterPlace?

  /// What else to say of a parameter that is not found: the end of a sentence, or nothing.
  var remark: String { get }
}
