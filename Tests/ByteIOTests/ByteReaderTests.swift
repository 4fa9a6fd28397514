import ByteIO
import TestSupport
import Testing

@Suite struct ByteReaderTests {
  @Test(arguments: [0, 1, 127, 128, 300, 16_383, 16_384, 1 << 40, Int.max])
  func `a variable-length integer is read back and takes its shortest form`(value: Int) throws {
    var bytes: [UInt8] = []
    bytes.appendVariableLength(value)
    var reader = ByteReader(bytes.span.bytes)
    let read = try reader.readVariableLength()
    let remaining = reader.remaining
    #expect(read == value)
    #expect(remaining == 0)
    #expect(bytes.count == max(1, (Int.bitWidth - value.leadingZeroBitCount + 6) / 7))
  }

  static let badIntegers: [(bytes: [UInt8], reason: FormatError.Reason)] = [
    ([], .truncated(needed: 1, available: 0)),
    ([0x80], .truncated(needed: 2, available: 1)),
    ([0xFF, 0xFF], .truncated(needed: 3, available: 2)),
    ([0x81, 0x00], .corrupt("an integer is padded with zero bits")),
    ([0x80, 0x00], .corrupt("an integer is padded with zero bits")),
    (Array(repeating: 0xFF, count: 9) + [1], .corrupt("an integer is longer than 63 bits")),
    (Array(repeating: 0xFF, count: 20), .corrupt("an integer is longer than 63 bits")),
  ]

  @Test(arguments: badIntegers)
  func `a bad variable-length integer is refused where it starts`(
    bytes: [UInt8], reason: FormatError.Reason
  ) throws {
    let padded = [7] + bytes
    var reader = ByteReader(padded.span.bytes)
    _ = try reader.read(UInt8.self)
    do throws(FormatError) {
      let value = try reader.readVariableLength()
      Issue.record("accepted as \(value)")
    } catch {
      #expect(error == FormatError(offset: 1, reason: reason))
    }
    let position = reader.position
    #expect(position == 1)
  }

  @Test func `fields are little-endian and need no alignment`() throws {
    let bytes: [UInt8] = [0xFF, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0xFE, 0xFF, 0x41, 0xC3, 0xA9]
    var reader = ByteReader(bytes.span.bytes)
    let first = try reader.read(UInt8.self)
    let second = try reader.read(UInt64.self)
    let third = try reader.read(UInt16.self)
    let fourth = try reader.read(Int16.self)
    let text = try reader.readUTF8(3)
    let isAtEnd = reader.isAtEnd
    #expect(first == 0xFF)
    #expect(second == 0x0807_0605_0403_0201)
    #expect(third == 0x0A09)
    #expect(fourth == -2)
    #expect(text == "Aé")
    #expect(isAtEnd)
  }

  @Test(arguments: 0..<8)
  func `a field that is cut is refused and the reader stays put`(byteCount: Int) {
    let bytes = [UInt8](repeating: 1, count: byteCount)
    var reader = ByteReader(bytes.span.bytes)
    do throws(FormatError) {
      _ = try reader.read(UInt64.self)
      Issue.record("accepted")
    } catch {
      #expect(error.reason == .truncated(needed: 8, available: byteCount))
      #expect(error.offset == 0)
    }
    let remaining = reader.remaining
    #expect(remaining == byteCount)
  }

  @Test(arguments: [-1, 4, Int.max, Int.min])
  func `a count of bytes that are not there is refused`(byteCount: Int) {
    var reader = ByteReader(([1, 2, 3] as [UInt8]).span.bytes)
    do throws(FormatError) {
      _ = try reader.readBytes(byteCount)
      Issue.record("accepted")
    } catch {
      #expect(error.reason == .truncated(needed: byteCount, available: 3))
    }
    let position = reader.position
    #expect(position == 0)
  }

  @Test(arguments: [[0xC3], [0xFF, 0x41], [0xED, 0xA0, 0x80], [0xC0, 0x80]] as [[UInt8]])
  func `text that is not UTF-8 is refused where it starts`(bytes: [UInt8]) throws {
    let padded = [0x41] + bytes
    var reader = ByteReader(padded.span.bytes)
    _ = try reader.read(UInt8.self)
    do throws(FormatError) {
      let text = try reader.readUTF8(bytes.count)
      Issue.record("accepted as \(text)")
    } catch {
      #expect(error == .corrupt("a name is not UTF-8", at: 1))
    }
    let position = reader.position
    #expect(position == 1)
  }

  @Test func `random bytes never trap a reader`() {
    var generator = SeededGenerator(seed: 11)
    for _ in 0..<5000 {
      let bytes = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      var reader = ByteReader(bytes.span.bytes)
      while !reader.isAtEnd {
        let before = reader.position
        do throws(FormatError) {
          switch Int.random(in: 0...2, using: &generator) {
          case 0: _ = try reader.read(UInt32.self)
          case 1: _ = try reader.readVariableLength()
          default: _ = try reader.readUTF8(Int.random(in: -1...9, using: &generator))
          }
        } catch {
          #expect(reader.position == before)
          break
        }
      }
    }
  }
}
