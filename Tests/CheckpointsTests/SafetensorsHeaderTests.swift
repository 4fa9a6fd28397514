import ByteIO
import Checkpoints
import TestSupport
import Testing

@Suite struct SafetensorsHeaderTests {
  static func parse(_ file: [UInt8]) throws(FormatError) -> SafetensorsHeader {
    try SafetensorsHeader(parsing: file.rawSpan)
  }

  /// The outcome of parsing a file with this header and a payload of `payload` zeros.
  static func refusal(_ header: String, payload: Int = 0) -> FormatError? {
    let bytes = [UInt8](repeating: 0, count: payload)
    do throws(FormatError) {
      _ = try parse(SafetensorsBuilder.file(header: header, payload: bytes))
      return nil
    } catch {
      return error
    }
  }

  @Test func `the smallest file has no tensors and ten bytes`() throws {
    let header = try Self.parse([2, 0, 0, 0, 0, 0, 0, 0] + Array("{}".utf8))
    #expect(header.tensors.isEmpty)
    #expect(header.metadata.isEmpty)
    #expect(header.payloadOffset == 10)
  }

  @Test func `tensors come in the order of their bytes, metadata in that of the header`() throws {
    let text = #"""
      {"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[1,13]},
      "__metadata__":{"z":"1","a":"2"},
      "a":{"shape":[],"data_offsets":[0,1],"dtype":"U8"}}
      """#
    let header = try Self.parse(
      SafetensorsBuilder.file(header: text, payload: .init(repeating: 0, count: 13)))
    let start = 8 + text.utf8.count
    #expect(header.payloadOffset == start)
    #expect(
      header.tensors == [
        TensorDescriptor(
          name: "a", elementType: .uint8, shape: [], byteRange: start..<start + 1),
        TensorDescriptor(
          name: "b", elementType: .bfloat16, shape: [2, 3], byteRange: start + 1..<start + 13),
      ])
    #expect(header.metadata == [.init("z", "1"), .init("a", "2")])
    #expect(header.metadata("a") == "2")
    #expect(header.metadata("b") == nil)
  }

  @Test func `the example of the format page is read`() throws {
    let digits = try Fixtures.example("hex", in: "safetensors.md").split(
      whereSeparator: \.isWhitespace)
    let header = try Self.parse(digits.compactMap { UInt8($0, radix: 16) })
    #expect(header.metadata == [.init("a", "b")])
    #expect(
      header.tensors == [
        TensorDescriptor(
          name: "w", elementType: .bfloat16, shape: [2],
          byteRange: digits.count - 4..<digits.count)
      ])
  }

  static let types: [(name: String, bits: Int)] = [
    ("BOOL", 8), ("F4", 4), ("F6_E2M3", 6), ("F6_E3M2", 6), ("U8", 8), ("I8", 8), ("F8_E5M2", 8),
    ("F8_E4M3", 8), ("F8_E8M0", 8), ("F8_E4M3FNUZ", 8), ("F8_E5M2FNUZ", 8), ("I16", 16),
    ("U16", 16), ("F16", 16), ("BF16", 16), ("I32", 32), ("U32", 32), ("F32", 32), ("C64", 64),
    ("F64", 64), ("I64", 64), ("U64", 64),
  ]

  @Test(arguments: types)
  func `each element type takes its bits`(name: String, bits: Int) throws {
    let header = try Self.parse(
      SafetensorsBuilder.file(
        header: #"{"t":{"dtype":"\#(name)","shape":[4],"data_offsets":[0,\#(bits / 2)]}}"#,
        payload: .init(repeating: 0, count: bits / 2)))
    #expect(header.tensors[0].elementType.name == name)
    #expect(header.tensors[0].elementType.storage == .bits(bits))
    #expect(Self.types.count == ElementType.allCases.firstIndex(of: .opaque))
  }

  @Test(arguments: ElementType.allCases.dropFirst(types.count))
  func `a type of GGUF alone is unknown here`(type: ElementType) {
    let header = #"{"t":{"dtype":"\#(type.name)","shape":[0],"data_offsets":[0,0]}}"#
    #expect(
      Self.refusal(header)?.reason
        == .unsupported("tensor 't': dtype '\(type.name)' is unknown"))
  }

  static let valid: [UInt8] = {
    var builder = SafetensorsBuilder()
    builder.add(metadata: [("format", "pt")])
    builder.add("first", shape: [2, 2], floats: [1, 2, 3, 4])
    builder.add("empty", "I64", [0, 3], [])
    builder.add("second", "BF16", [3], [1, 2, 3, 4, 5, 6])
    return builder.bytes
  }()

  @Test(arguments: 0..<valid.count)
  func `every truncation is refused where it cuts`(byteCount: Int) throws {
    let end = try Self.parse(Self.valid).payloadOffset
    do throws(FormatError) {
      _ = try Self.parse(Array(Self.valid.prefix(byteCount)))
      Issue.record("accepted")
    } catch {
      switch byteCount {
      case 0: #expect(error.reason == .notThisFormat("the file is empty; download it again"))
      case 1..<8:
        #expect(error.offset == 0)
        #expect(error.reason == .truncated(needed: 8, available: byteCount))
      case 8..<end:
        #expect(error.offset == 8)
        #expect(error.reason == .truncated(needed: end - 8, available: byteCount - 8))
      default:
        let first = byteCount < end + 16
        #expect(error.offset == (first ? end : end + 16))
        let missing = (first ? end + 16 : Self.valid.count) - byteCount
        #expect(
          error.reason
            == .corrupt(
              "tensor '\(first ? "first" : "second")' ends \(missing) bytes past the file; the file "
                + "is incomplete, download it again"))
      }
    }
  }

  @Test func `random mutations never trap, and what is accepted fits the file`() {
    let seed = UInt64(20_251_125)
    var generator = SeededGenerator(seed: seed)
    var acceptedCount = 0
    for _ in 0..<25_000 {
      var bytes = Self.valid
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0...4, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &generator)
        case 2: bytes[place] = Array("{}[]\",:0129\\- ".utf8).randomElement(using: &generator) ?? 0
        case 3: bytes.remove(at: place)
        default: bytes.insert(bytes[place], at: place)
        }
      }
      guard let header = try? Self.parse(bytes) else { continue }
      acceptedCount += 1
      var end = header.payloadOffset
      for tensor in header.tensors {
        #expect(tensor.byteRange.lowerBound == end, "seed \(seed)")
        end = tensor.byteRange.upperBound
      }
      #expect(end == bytes.count, "seed \(seed)")
    }
    #expect(acceptedCount > 100)
    #expect(acceptedCount < 15_000)
  }

  static let foreign: [(name: String, bytes: [UInt8], says: String)] = [
    ("empty", [], "the file is empty"),
    (
      "Git LFS pointer",
      Array("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n".utf8),
      "Git LFS pointer"
    ),
    ("web page", Array("<!DOCTYPE html><html></html>".utf8), "web page"),
    ("bare web page", Array("<html><body>Not found</body></html>".utf8), "web page"),
    ("XML error", Array(#"<?xml version="1.0"?><Error/>"#.utf8), "web page"),
    ("GGUF", Array("GGUF".utf8) + [3, 0, 0, 0, 0, 0, 0, 0], "GGUF file"),
    ("zip, as torch.save writes", [0x50, 0x4B, 3, 4] + Array(repeating: 0, count: 60), "PyTorch"),
    ("pickle, as older torch.save wrote", [0x80, 2, 0x8A, 0x0A, 0x6C], "PyTorch"),
  ]

  @Test(arguments: foreign)
  func `a file of another kind is named as such`(name: String, bytes: [UInt8], says: String) {
    do throws(FormatError) {
      _ = try Self.parse(bytes)
      Issue.record("accepted")
    } catch {
      #expect(error.offset == 0)
      guard case .notThisFormat(let message) = error.reason else {
        Issue.record("\(error)")
        return
      }
      #expect(message.contains(says))
    }
  }

  /// In order: "<!", pickles of protocol 2 and 5, "PK".
  @Test(arguments: [0x213C, 0x1_213C, 0x1_0280, 0x2_0580, 0x4B50])
  func `a length that looks like another kind of file is a length`(byteCount: Int) throws {
    let text = "{}" + String(repeating: " ", count: byteCount - 2)
    #expect(try Self.parse(SafetensorsBuilder.file(header: text)).payloadOffset == byteCount + 8)
  }
}
