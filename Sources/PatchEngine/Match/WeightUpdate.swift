package import ModelNames
package import Gradiend

/// What a parameter of a GRADIEND adds to one tensor of a base, wherever the tensor's elements are
/// in the parameter.
package struct WeightUpdate: Sendable {
  package let coverage: GradiendCheckpoint.Coverage
  /// The tensor's first element, in the parameter's order.
  package let firstElement: Int
  /// From the parameter's order to the base's.
  package let order: ElementOrder
  /// How the base stores the values that the update is added to.
  package let conversion: FloatConversion

  /// The update as a term of a sum, with the values that `output` gives it.
  func term(_ output: DecoderOutput) -> UpdateTerm {
    UpdateTerm(output, coverage, firstElement: firstElement)
  }
}
