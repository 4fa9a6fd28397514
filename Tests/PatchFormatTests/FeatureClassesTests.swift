@testable import PatchFormat
import Testing

/// Formats/patch.md, section 3.2.
@Suite struct FeatureClassesTests {
  static let lines = "1.0 female\n-1.0 male\n0.0 neither one"

  @Test func `classes are written and read by their names`() throws {
    let classes = try #require(
      FeatureClasses([("neither one", 0), ("male", -1), ("female", 1)]))
    #expect(classes.lines == Self.lines)
    #expect(FeatureClasses(lines: Self.lines) == classes)
  }

  @Test func `a feature factor goes towards the classes on its side of zero`() throws {
    let classes = try #require(FeatureClasses(lines: Self.lines))
    #expect(classes.names(towards: "-0.5") == "male")
    #expect(classes.names(towards: "2.0") == "female")
    #expect(classes.names(towards: "0.0") == nil)
    #expect(classes.names(towards: "1.0,-1.0") == nil)
  }

  @Test(arguments: [
    "", "1.0", "1.0 ", "x male", "1 male", "nan male", "inf male", "1.0 male\n", "1.0 b\n1.0 a",
    "1.0 a\n2.0 a", "1.0 a\tb", "1.0 a\n\n2.0 b",
  ])
  func `other lines are refused`(lines: String) {
    #expect(FeatureClasses(lines: lines) == nil)
  }
}
