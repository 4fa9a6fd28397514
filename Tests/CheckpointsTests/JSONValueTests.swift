import ByteIO
import Checkpoints
import TestSupport
import Testing

@Suite struct JSONValueTests {
  static func parse(_ text: String) throws(FormatError) -> JSONValue {
    try JSONValue(parsing: Array(text.utf8).rawSpan)
  }

  @Test func `every kind of value is read, members in the order of the text`() throws {
    let value = try Self.parse(
      #" {"z":[1,-2,9223372036854775807],"a":"\u00e9\n","r":2.5,"t":true,"f":false,"n":null} "#)
    #expect(
      value
        == .object([
          .init("z", .array([.integer(1), .integer(-2), .integer(.max)])),
          .init("a", .string("é\n")), .init("r", .real(2.5)), .init("t", .boolean(true)),
          .init("f", .boolean(false)), .init("n", .null),
        ]))
    #expect(value["a"]?.string == "é\n")
    #expect(value["z"]?.elements?.count == 3)
    #expect(value["z"]?["a"] == nil)
    #expect(value["missing"] == nil)
    #expect(value["r"]?.integer == nil)
  }

  @Test func `what was written is read back`() throws {
    let value = try Self.parse(#"{"b":[1,{"x":[]},"\"\\"],"a":-0.5,"c":{}}"#)
    #expect(try Self.parse(value.text()) == value)
    #expect(try Self.parse(value.text(isIndented: true)) == value)
    #expect(value.text() == #"{"b":[1,{"x":[]},"\"\\"],"a":-0.5,"c":{}}"#)
  }

  @Test(arguments: [1, 126, 127, 128, 2000, 5000, 100_000])
  func `nesting is read up to 127 levels`(depth: Int) {
    let text =
      #"{"x":"# + String(repeating: "[", count: depth - 1) + (depth == 1 ? "0" : "")
      + String(repeating: "]", count: depth - 1) + "}"
    #expect(((try? Self.parse(text)) != nil) == (depth <= 127))
  }

  @Test(
    arguments: [
      (#"[1]"#, 0, "not a JSON object"),
      (#""x""#, 3, "not JSON: '[' or '{' expected near '\"x\"'"),
      (#"{"x":NaN}"#, 8, "not JSON: invalid token near 'NaN'"),
      (#"{"x":1,"y":2,"x":3}"#, 16, "not JSON: duplicate object key near '\"x\"'"),
      (#"{"x":1} {"#, 9, "not JSON: end of file expected near '{'"),
      (#"{"x":12345678901234567890}"#, 25, "not JSON: too big integer near '12345678901234567890'"),
    ] as [(String, Int, String)])
  func `an error says behind which token parsing stopped, and why`(
    text: String, offset: Int, message: String
  ) {
    do throws(FormatError) {
      _ = try Self.parse(text)
      Issue.record("accepted")
    } catch {
      #expect(error.offset == offset)
      #expect("\(error.reason)" == message)
    }
  }

  @Test(arguments: [
    "", " ", "{", "{}x", "{}\0", "\u{FEFF}{}", "{\"x\":1,}", "{x:1}", "{\"x\":'y'}",
  ])
  func `what is not one JSON object is refused`(text: String) {
    #expect(throws: FormatError.self) { try Self.parse(text) }
  }

  @Test(arguments: ["{}", "[]", "0", "\"\""])
  func `text of more values than the limit is refused before it takes their memory`(value: String) {
    let count = JSONValue.valueCountLimit
    func text(_ count: Int) -> String {
      #"{"x":["# + Array(repeating: value, count: count).joined(separator: ",") + "]}"
    }
    #expect(throws: Never.self) { try Self.parse(text(count / 2 - 2)) }
    let error = #expect(throws: FormatError.self) { try Self.parse(text(count)) }
    guard case .limitExceeded = error?.reason else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func `indented text has a member a line, and a number that JSON lacks is null`() {
    let value = JSONValue.object([
      .init("a", .array([.integer(1), .object([])])), .init("b", .array([])),
      .init("c", .real(.nan)), .init("d", .real(0.1)),
    ])
    let lines = [
      "{", #"  "a": ["#, "    1,", "    {}", "  ],", #"  "b": [],"#, #"  "c": null,"#,
      #"  "d": 0.1"#, "}",
    ]
    #expect(value.text(isIndented: true, significantDigits: 3) == lines.joined(separator: "\n"))
  }

  @Test func `brackets and commas in strings are no values`() {
    let text = #"{"x":"\""# + String(repeating: "[,{", count: JSONValue.valueCountLimit) + #""}"#
    #expect(throws: Never.self) { try Self.parse(text) }
  }

  @Test func `text with U+0000 is written whole`() throws {
    #expect(
      JSONValue.object([.init("a\0b", .string("c\0d")), .init("a\0", .string(""))]).text()
        == #"{"a\u0000b":"c\u0000d","a\u0000":""}"#)
  }

  @Test func `random bytes never trap`() {
    var generator = SeededGenerator(seed: 17)
    let text = Array(#"{"a":[1,2.5e3,{"b":"\u00e9\ud83d\ude00"}],"c":null,"d":true}"#.utf8)
    for _ in 0..<5000 {
      var bytes = text
      for _ in 0..<3 {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[place] = UInt8.random(in: 0...255, using: &generator)
      }
      guard let value = try? JSONValue(parsing: bytes.rawSpan) else { continue }
      #expect((try? Self.parse(value.text())) == value)
    }
  }
}
