import ByteIO
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
  }

  @Test func `a padded integer is refused and the reader stays put`() {
    var reader = ByteReader(([0x81, 0x00] as [UInt8]).span.bytes)
    do throws(FormatError) {
      _ = try reader.readVariableLength()
      Issue.record("accepted")
    } catch {
      #expect(error.offset == 0)
      let position = reader.position
      #expect(position == 0)
    }
  }
}
