import Hub
import TestSupport
import Testing

/// Formats/hub.md, section 4.
@Suite struct FrontMatterTests {
  private func read(_ lines: String) -> FrontMatter? {
    FrontMatter(card: "---\n" + lines + "\n---\n# Model\n")
  }

  @Test func `texts and lists are read in every common form`() throws {
    let card = try #require(
      read(
        """
        # a comment
        license: llama3.2
        license_name: "My \\u0041 licence"
        language:
        - en
        - 'no'   # quoted, as YAML would read a truth value
        tags: [text-generation, "a b", c]
        datasets:
          - a/b
          - c/d
        base_model: a/b # the base
        pipeline_tag:
        long: [a,
          b,
        ]
        """))
    #expect(card.text("license") == "llama3.2")
    #expect(card["license_name"] == .notUnderstood)
    #expect(card.texts("language") == ["en", "no"])
    #expect(card.texts("tags") == ["text-generation", "a b", "c"])
    #expect(card.texts("datasets") == ["a/b", "c/d"])
    #expect(card.text("base_model") == "a/b")
    #expect(card["pipeline_tag"] == .missing)
    #expect(card.texts("long") == ["a", "b"])
    #expect(card["none"] == .missing)
  }

  @Test func `what is not a text or a list of texts is left alone`() throws {
    let card = try #require(
      read(
        """
        extra_gated_prompt: |
          license: other
          more
        extra_gated_fields:
          First Name: text
        model-index:
        - name: x
          results: []
        anchor: &a b
        license: mit
        """))
    #expect(card.text("license") == "mit")
    for key in ["extra_gated_prompt", "extra_gated_fields", "model-index", "anchor"] {
      #expect(card[key] == .notUnderstood, "\(key)")
    }
  }

  @Test func `a block text with lines at the margin cannot pass for keys`() {
    #expect(read("prompt: \"a\nlicense: b\nc\"\nlicense: mit") == nil)
  }

  @Test(arguments: ["", "# Model\n", "---\nlicense: mit\n", "---\nlicense mit\n---\n"])
  func `a card without sound front matter has none`(card: String) {
    #expect(FrontMatter(card: card) == nil)
  }

  @Test func `a key that comes twice makes it unsound`() {
    #expect(read("license: mit\nlicense: other") == nil)
  }

  @Test func `line ends of other systems do not matter`() throws {
    let card = try #require(
      FrontMatter(card: "---\r\nlicense: mit\r\nlanguage:\r\n- en\r\n---\r\n"))
    #expect(card.text("license") == "mit")
    #expect(card.texts("language") == ["en"])
  }

  @Test(arguments: 1...8 as ClosedRange<UInt64>)
  func `damage is read as something or nothing, never as a licence that is not there`(
    seed: UInt64
  ) {
    let sound = Array(
      "---\nlicense: mit\nlanguage:\n- en\n- 'no' # x\ntags: [a, \"b c\"]\nlong: >-\n  x\n---\n"
        .utf8)
    let letters = Array("-:#[]{}'\"\\ \n\tmit\u{e9}".utf8)
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<300 {
      var bytes = sound
      for _ in 0..<Int.random(in: 1...6, using: &generator) {
        let position = Int.random(in: 0..<bytes.count, using: &generator)
        let letter = letters[Int.random(in: 0..<letters.count, using: &generator)]
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes[position] = letter
        case 1: bytes.insert(letter, at: position)
        default: bytes.removeSubrange(position..<min(position + 3, bytes.count))
        }
      }
      let text = String(decoding: bytes, as: UTF8.self)
      guard let card = FrontMatter(card: text) else { continue }
      for value in ["license", "language", "tags", "long"].flatMap(card.texts) {
        #expect(text.contains(value))
      }
    }
  }

  @Test(arguments: [
    ("mit", "mit"), ("a/b", "a/b"), ("no", "\"no\""), ("True", "\"True\""), ("1.5", "\"1.5\""),
    ("a: b", "\"a: b\""), ("a\"\\", "\"a\\\"\\\\\""), ("é", "\"é\""),
    ("a\n\u{7}", "\"a\\n\\u0007\""),
  ])
  func `what is written reads back as the same text`(text: String, written: String) throws {
    #expect(YAMLText.scalar(text) == written)
    guard !written.contains("\\") else { return }
    let card = try #require(read(YAMLText.member("key", text) + YAMLText.member("list", [text])))
    #expect(card.text("key") == text)
    #expect(card.texts("list") == [text])
  }
}
