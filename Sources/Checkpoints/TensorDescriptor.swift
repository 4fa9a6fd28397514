/// Where a tensor lies in its file, and what it is.
package struct TensorDescriptor: Equatable, Sendable {
  package var name: String
  package var elementType: ElementType
  /// Outermost dimension first, as in Hugging Face; empty for a scalar.
  package var shape: [Int]
  /// Absolute: counted from the start of the file.
  package var byteRange: Range<Int>

  package init(name: String, elementType: ElementType, shape: [Int], byteRange: Range<Int>) {
    self.name = name
    self.elementType = elementType
    self.shape = shape
    self.byteRange = byteRange
  }

  /// The product of the shape, which the parser has checked not to overflow.
  package var elementCount: Int { shape.reduce(1, *) }
}
