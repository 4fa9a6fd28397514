import Checkpoints
import Gradiend
import TestSupport
import Testing

/// The cases in which the reference did what it documents, against what it saved.
@Suite struct ReferenceTests {
  static func soundCases() throws -> [ReferenceData.Case] {
    try ReferenceData.cases().filter(\.isSound)
  }

  @Test func `there are 292 cases to agree with`() throws {
    #expect(try Self.soundCases().count == 292)
  }

  @Test(arguments: try soundCases())
  func `the result is the one the reference saved`(reference: ReferenceData.Case) throws {
    let rewrite = try Rewrite(reference)
    let oracle = try Checkpoint(path: ReferenceData.oracle(reference.name))
    #expect(Set(rewrite.base.tensors.map(\.name)) == Set(oracle.tensors.map(\.name)))
    for tensor in rewrite.base.tensors {
      let expected = try #require(oracle[tensor.name])
      #expect(expected.descriptor.elementType == tensor.descriptor.elementType)
      #expect(expected.descriptor.shape == tensor.descriptor.shape)
      let type = tensor.descriptor.elementType
      let found = Floats(try rewrite.patched(tensor), type: type)
      let tolerance = try Tolerance(rewrite, tensor, result: found)
      let differences = found.differences(
        from: Floats(oracle.bytes(of: expected), type: type), tolerance: { tolerance[$0] })
      #expect(differences.isEmpty, "\(tensor.name): \(differences.prefix(3))")
    }
  }
}
