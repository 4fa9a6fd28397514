import ByteIO
import Checkpoints
import TestSupport
import Testing

/// The rules of Formats/safetensors.md, each broken alone.
@Suite struct SafetensorsRuleTests {
  /// A header, the payload it goes with, and the error; nil where it is accepted.
  struct Rule: CustomTestStringConvertible, Sendable {
    var name: String
    var header: String
    var payload = 0
    var offset = 8
    var reason: FormatError.Reason?

    var testDescription: String { name }

    static func refused(
      _ name: String, _ header: String, payload: Int = 0, at offset: Int = 8, _ message: String
    ) -> Rule {
      Rule(name: name, header: header, payload: payload, offset: offset, reason: .corrupt(message))
    }

    static func accepted(_ name: String, _ header: String, payload: Int = 0) -> Rule {
      Rule(name: name, header: header, payload: payload)
    }
  }

  /// A header with one tensor `t`.
  static func tensor(_ fields: String) -> String { #"{"t":{\#(fields)}}"# }

  static func tensor(
    dtype: String = #""F32""#, shape: String = "[2]", offsets: String = "[0,8]"
  ) -> String {
    tensor(#""dtype":\#(dtype),"shape":\#(shape),"data_offsets":\#(offsets)"#)
  }

  static func nested(_ depth: Int) -> String {
    #"{"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":"#
      + String(repeating: "[", count: depth - 2) + String(repeating: "]", count: depth - 2) + "}}"
  }

  static let jsonRules: [Rule] = [
    .refused("an empty header", "", "the header does not begin with '{'"),
    .refused("leading white space", " {}", "the header does not begin with '{'"),
    .refused("a byte order mark", "\u{FEFF}{}", "the header does not begin with '{'"),
    .refused("an array", "[]", "the header does not begin with '{'"),
    .accepted("trailing spaces", "{}      "),
    .accepted("a trailing tab and newline", "{}\t\n\r"),
    .refused(
      "something after the object", "{} x", at: 12, "not JSON: end of file expected near 'x'"),
    .accepted("nesting of 127", nested(127)),
    .refused("nesting of 128", nested(128), at: 13, "JSON is nested more than 127 deep"),
    .refused(
      "metadata that is no object", #"{"__metadata__":[]}"#, "__metadata__ is not an object"),
    .refused(
      "metadata that is no string", #"{"__metadata__":{"a":"b","n":1}}"#,
      "__metadata__ 'n' is not a string"),
    .refused(
      "two names that are the same text",
      #"{"\u00e9":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"#
        + #""e\u0301":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#,
      at: 75, "not JSON: duplicate object key near '\"e\u{301}\"'"),
    .accepted("metadata that is null", #"{"__metadata__":null}"#),
    .accepted("metadata alone", #"{"__metadata__":{"format":"pt"}}"#),
  ]

  static let tensorRules: [Rule] = [
    .accepted("a sound tensor", tensor(), payload: 8),
    .accepted(
      "an extra field", tensor(#""dtype":"U8","x":[{}],"shape":[1],"data_offsets":[0,1]"#),
      payload: 1),
    .accepted(
      "an empty name", #"{"":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#, payload: 1),
    .accepted(
      "a header that is no multiple of 8 bytes long", tensor(dtype: #""U8""#, offsets: "[0,2]"),
      payload: 2),
    .accepted("rank 0", tensor(shape: "[]", offsets: "[0,4]"), payload: 4),
    .accepted("a dimension of 0", tensor(shape: "[4,0]", offsets: "[0,0]")),
    .accepted(
      "a dimension of 0 in a sub-byte type",
      tensor(dtype: #""F4""#, shape: "[3,0]", offsets: "[0,0]")),
    .refused(
      "an entry as an array", #"{"t":["F32",[2],[0,8]]}"#, payload: 8,
      "tensor 't': its entry is not an object"),
    .refused("an entry that is null", #"{"t":null}"#, "tensor 't': its entry is not an object"),
    .refused(
      "no dtype", tensor(#""shape":[2],"data_offsets":[0,8]"#), payload: 8,
      "tensor 't': dtype is missing or not a string"),
    .refused(
      "a dtype that is a number", tensor(dtype: "32"), payload: 8,
      "tensor 't': dtype is missing or not a string"),
    Rule(
      name: "a dtype in lower case", header: tensor(dtype: #""f32""#), payload: 8,
      reason: .unsupported("tensor 't': dtype 'f32' is unknown")),
    Rule(
      name: "a dtype that may come", header: tensor(dtype: #""F128""#), payload: 8,
      reason: .unsupported("tensor 't': dtype 'F128' is unknown")),
    .refused("no shape", tensor(#""dtype":"F32","data_offsets":[0,8]"#), payload: 8, shapeFault),
    .refused("a shape that is a number", tensor(shape: "2"), payload: 8, shapeFault),
    .refused("a negative dimension", tensor(shape: "[-2]"), payload: 8, shapeFault),
    .refused("a dimension as a real", tensor(shape: "[2.0]"), payload: 8, shapeFault),
    .refused("a dimension with an exponent", tensor(shape: "[2e0]"), payload: 8, shapeFault),
    .refused("no offsets", tensor(#""dtype":"F32","shape":[2]"#), payload: 8, offsetsFault),
    .refused("one offset", tensor(offsets: "[8]"), payload: 8, offsetsFault),
    .refused("three offsets", tensor(offsets: "[0,8,8]"), payload: 8, offsetsFault),
    .refused("a negative offset", tensor(offsets: "[-8,0]"), payload: 8, offsetsFault),
    .refused("an offset as a real", tensor(offsets: "[0,8.0]"), payload: 8, offsetsFault),
    .refused(
      "an end before the start", tensor(offsets: "[8,0]"), payload: 8,
      "tensor 't': it ends at 0, before its start"),
    .refused(
      "a product that overflows", tensor(shape: "[4294967296,4294967296]"), payload: 8,
      "tensor 't': shape [4294967296, 4294967296] overflows"),
    .refused(
      "a product that overflows in bits only", tensor(shape: "[576460752303423488]"), payload: 8,
      "tensor 't': shape [576460752303423488] overflows"),
    .refused(
      "an overflow behind a zero", tensor(shape: "[0,9223372036854775807,4]", offsets: "[0,0]"),
      "tensor 't': shape [0, 9223372036854775807, 4] overflows"),
    .refused(
      "half a byte", tensor(dtype: #""F4""#, shape: "[3]", offsets: "[0,1]"), payload: 1,
      "tensor 't': F4 of shape [3] does not fill whole bytes"),
    .refused(
      "a size other than the shape's", tensor(offsets: "[0,7]"), payload: 7,
      "tensor 't': F32 of shape [2] takes 8 bytes, data_offsets give it 7"),
    .refused(
      "offsets at the end of the integers",
      tensor(dtype: #""U8""#, shape: "[0]", offsets: "[9223372036854775807,9223372036854775807]"),
      "tensor 't': data_offsets [9223372036854775807, 9223372036854775807] overflow"),
  ]

  static let shapeFault = "tensor 't': shape is missing or not a list of integers of at least 0"
  static let offsetsFault =
    "tensor 't': data_offsets is missing or not two integers of at least 0"

  @Test(arguments: jsonRules + tensorRules)
  func `a rule that is broken alone gives its error and place`(rule: Rule) {
    let found = SafetensorsHeaderTests.refusal(rule.header, payload: rule.payload)
    #expect(found == rule.reason.map { FormatError(offset: rule.offset, reason: $0) })
  }

  /// Two tensors of U8, given by where they start and end.
  static func pair(_ first: (Int, Int), _ second: (Int, Int)) -> String {
    let entries = [("a", first), ("b", second)].map { name, ends in
      #""\#(name)":{"dtype":"U8","shape":[\#(ends.1 - ends.0)],"data_offsets":[\#(ends.0),\#(ends.1)]}"#
    }
    return "{" + entries.joined(separator: ",") + "}"
  }

  /// The offset is counted from the start of the payload.
  static let placements: [(first: (Int, Int), second: (Int, Int), at: Int, message: String?)] = [
    ((0, 4), (4, 9), 0, nil),
    ((4, 9), (0, 4), 0, nil),
    ((0, 0), (0, 9), 0, nil),
    ((0, 9), (9, 9), 0, nil),
    ((0, 9), (4, 4), 4, "tensor 'b' starts at byte B, not E: it overlaps what comes before it"),
    ((1, 4), (4, 9), 1, "tensor 'a' starts at byte B, not E: it leaves a gap"),
    ((0, 4), (5, 9), 5, "tensor 'b' starts at byte B, not E: it leaves a gap"),
    ((0, 5), (4, 9), 4, "tensor 'b' starts at byte B, not E: it overlaps what comes before it"),
    ((0, 4), (0, 9), 0, "tensor 'b' starts at byte B, not E: it overlaps what comes before it"),
    ((0, 4), (4, 8), 8, "1 bytes after the last tensor"),
    (
      (0, 4), (4, 12), 4,
      "tensor 'b' ends 3 bytes past the file; the file is incomplete, download it again"
    ),
  ]

  @Test(arguments: placements.indices)
  func `tensors fill the payload without gap or overlap`(index: Int) {
    let placement = Self.placements[index]
    let header = Self.pair(placement.first, placement.second)
    let start = 8 + header.utf8.count
    let found = SafetensorsHeaderTests.refusal(header, payload: 9)
    #expect(found?.offset == placement.message.map { _ in start + placement.at })
    let ends = ["a": 0, "b": placement.first.1]
    let expected = placement.message?
      .replacing("B", with: "\(start + placement.at)")
      .replacing(
        "E", with: "\(start + (placement.message?.contains("'a'") == true ? 0 : ends["b"] ?? 0))")
    #expect(found.map { "\($0.reason)" } == expected)
  }

  @Test(arguments: [
    #"{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#,
    #"{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0074":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#,
    #"{"t":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#,
    #"{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"__metadata__":{"a":"1","a":"1"}}"#,
    #"{"__metadata__":{},"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"__metadata__":{}}"#,
  ])
  func `a key that occurs twice is refused, however it is written`(header: String) {
    let message = SafetensorsHeaderTests.refusal(header, payload: 1).map { "\($0.reason)" }
    #expect(message?.hasPrefix("not JSON: duplicate object key") == true)
  }

  @Test(arguments: [
    #"{"a\u0000b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#,
    #"{"t":{"dtype":"U8","shape":[01],"data_offsets":[0,1]}}"#,
    #"{"t":{"dtype":"U8","shape":[9223372036854775808],"data_offsets":[0,1]}}"#,
    #"{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},}"#,
    #"{"\ud800":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#,
    #"{"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}/* */}"#,
    #"{'t':1}"#, "{", #"{"t""#, "{}\0",
  ])
  func `what is not JSON is refused within the header`(header: String) throws {
    let error = try #require(SafetensorsHeaderTests.refusal(header, payload: 1))
    #expect("\(error.reason)".hasPrefix("not JSON: "))
    #expect((8...8 + header.utf8.count).contains(error.offset))
  }

  @Test func `bytes that are not UTF-8 are refused`() {
    let header = Array(#"{"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#.utf8)
    for bad: [UInt8] in [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80]] {
      let text = header.prefix(3) + bad + header.dropFirst(3)
      let file = SafetensorsBuilder.littleEndian([UInt64(text.count)]) + text
      #expect(throws: FormatError.self) { try SafetensorsHeader(parsing: file.rawSpan) }
    }
  }

  @Test(
    arguments: [
      (100_000_000, FormatError.Reason.truncated(needed: 100_000_000, available: 2)),
      (3, .truncated(needed: 3, available: 2)),
      (
        100_000_001,
        .limitExceeded(
          "the header claims 100000001 bytes, more than the 100000000 allowed; this is not a "
            + "safetensors file, or it is damaged")
      ),
      (
        .max,
        .limitExceeded(
          "the header claims 18446744073709551615 bytes, more than the 100000000 allowed; this is "
            + "not a safetensors file, or it is damaged")
      ),
    ] as [(UInt64, FormatError.Reason)])
  func `a length that the file or the limit does not allow is refused`(
    length: UInt64, reason: FormatError.Reason
  ) {
    let file = SafetensorsBuilder.littleEndian([length]) + Array("{}".utf8)
    do throws(FormatError) {
      _ = try SafetensorsHeader(parsing: file.rawSpan)
      Issue.record("accepted")
    } catch {
      let isTruncated = if case .truncated = reason { true } else { false }
      #expect(error == FormatError(offset: isTruncated ? 8 : 0, reason: reason))
    }
  }
}
