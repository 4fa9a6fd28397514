import Testing

@testable import PatchFormat

@Suite struct FileDigestTests {
  static let digest = String(repeating: "0123456789abcdef", count: 4)

  // As `sha256sum` of GNU coreutils 9 writes them.
  static let lines: [(name: String, line: String)] = [
    ("model.safetensors", digest + "  model.safetensors"),
    (" two  blanks ", digest + "   two  blanks "),
    ("a\nb", #"\"# + digest + #"  a\nb"#),
    ("a\r\nb", #"\"# + digest + #"  a\r\nb"#),
    (#"a\nb"#, #"\"# + digest + #"  a\\nb"#),
    (#"\"#, #"\"# + digest + #"  \\"#),
    ("é\t", digest + "  é\t"),
  ]

  @Test(arguments: lines.indices)
  func `a line is the one that sha256sum writes, and is read again`(index: Int) {
    let (name, line) = Self.lines[index]
    let file = FileDigest(name: name, sha256: Self.digest)
    #expect(file.line == line)
    #expect(FileDigest(line: line) == file)
  }

  @Test(arguments: [
    "", digest, digest + "  ", digest + " *x", digest + " x", digest.uppercased() + "  x",
    digest.dropLast() + "  x", #"\"# + digest + "  x", #"\"# + digest + #"  a\tb"#,
    #"\"# + digest + #"  a\"#, digest + #"  a\b"#, digest + "  a\rb",
  ])
  func `any other line is refused`(line: String) {
    #expect(FileDigest(line: line) == nil)
  }

  @Test func `files are lines, and a name is never two of them`() {
    let files = Self.lines.map { FileDigest(name: $0.name, sha256: Self.digest) }
    #expect([FileDigest](lines: files.lines) == files)
    #expect([FileDigest](lines: files.lines + "\n") == nil)
  }
}
