import ByteIO
import Testing

@Suite struct DigestTests {
  // The values are those of the `xxhsum` and `sha256sum` commands.
  @Test func `digests are the known ones`() {
    let bytes = Array("gradiend".utf8)
    let sha256 = "45c7a568962b9b07b6ec2c894ed878717ee93c7745660851b6e7a50a75ae6d49"
    #expect(Digest64(of: bytes.span.bytes).description == "7dc82b4b7d702f23")
    #expect(Digest128(of: bytes.span.bytes).description == "cdeba094294b83efe941eaf65b462f94")
    let whole = SHA256()
    whole.update(bytes.span.bytes)
    #expect(whole.finish() == sha256)
    let pieces = SHA256()
    for byte in bytes { pieces.update([byte].span.bytes) }
    #expect(pieces.finish() == sha256)
    let running = RunningDigest128()
    for byte in bytes { running.update([byte].span.bytes) }
    #expect(running.finish() == Digest128(of: bytes.span.bytes))
  }

  @Test func `digests of nothing are the known ones`() {
    let nothing: [UInt8] = []
    #expect(Digest64(of: nothing.span.bytes).description == "2d06800538d394c2")
    #expect(
      Digest128(of: nothing.span.bytes).description == "99aa06d3014798d86001c324468d497f")
    #expect(
      SHA256().finish() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  }

  @Test func `a 64-bit digest is the lower half of the longer one`() {
    let digest = Digest128(high: 1, low: 2)
    #expect(digest.digest32 == Digest32(value: 2))
    #expect(digest.description == "00000000000000010000000000000002")
  }
}
