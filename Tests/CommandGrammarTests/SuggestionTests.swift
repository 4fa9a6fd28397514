import Testing

@testable import CommandGrammar

@Suite struct SuggestionTests {
  @Test(arguments: [
    ("", "", 0), ("", "abc", 3), ("abc", "", 3), ("abc", "abc", 0), ("abc", "acb", 1),
    ("abc", "axc", 1), ("abc", "ac", 1), ("ac", "abc", 1), ("kitten", "sitting", 3),
  ])
  func `the distance counts letters and swaps`(typed: String, name: String, distance: Int) {
    #expect(Suggestion.distance(typed, name) == distance)
    #expect(Suggestion.distance(name, typed) == distance)
  }
}
