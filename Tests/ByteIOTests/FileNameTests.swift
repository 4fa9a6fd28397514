import ByteIO
import Glibc
import TestSupport
import Testing

/// Names that are not UTF-8.
@Suite struct FileNameTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// Cut-off and overlong forms, surrogates, lone bytes, and the characters that stand for bytes.
  static let names: [[UInt8]] =
    [
      "caf\u{E9}", "\u{EF80}", "a\u{EFFF}b", "\u{EF7F}\u{F000}", "\u{1F600}", "e\u{301}",
    ].map { Array($0.utf8) } + [
      [0x63, 0xE9, 0x2E, 0x74], [0xFF], [0x80, 0xBF], [0xC0, 0xAE], [0xED, 0xB3, 0xA9],
      [0xE2, 0x82],
      [0xF0, 0x9F, 0x98], [0xF5, 0x80, 0x80, 0x80], [0xEE, 0xBE], [0xE9, 0xEF, 0xBF, 0xBD],
    ]

  @Test(arguments: names)
  func `a file gets exactly the bytes of the name that was asked for`(name: [UInt8]) throws {
    let text = String(fileName: name)
    let file = try OutputFile(path: folder.path(text), overwrites: false)
    try file.contents.write(name.span.bytes, at: 0)
    try file.publish()
    #expect(exists(name))
    #expect(try Folder.names(in: folder.path) == [text])
    let mapped = try MappedFile(path: folder.path(text))
    #expect(mapped.bytes.array == name)
    let resolved = try #require(Folder.resolved(folder.path(text)))
    #expect(Folder.lastComponent(of: resolved) == text)
  }

  @Test(arguments: names)
  func `a link is followed whatever its name is and that of what it leads to`(name: [UInt8]) throws
  {
    let (parent, file) = (folder.path("there"), String(fileName: name))
    try create(name, in: "there")
    let link = "link-" + file
    try #require(
      symlink(Self.path(parent, name), Self.path(folder.path, Array("link-".utf8) + name)) == 0)
    #expect(try Folder.following(folder.path(link)) == Folder.join(parent, file))
  }

  @Test func `names with a text each are told apart`() {
    let texts = Set(Self.names.map { Array(String(fileName: $0).utf8) })
    #expect(texts.count == Self.names.count)
  }

  @Test func `a folder is replaced and removed whatever the names in it are`() throws {
    for name in Self.names {
      try create(name, in: "out")
    }
    do {
      let output = try OutputFolder(path: folder.path("out"), overwrites: true)
      for name in Self.names { _ = try output.createFile(String(fileName: name)) }
      try output.publish()
    }
    #expect(try Folder.names(in: folder.path) == ["out"])
    #expect(try Folder.names(in: folder.path("out")).count == Self.names.count)
  }

  /// Makes a file by the system's own calls.
  private func create(_ name: [UInt8], in parent: String) throws {
    mkdir(folder.path(parent), 0o777)
    let path = Self.path(folder.path(parent), name)
    let descriptor = open(path, O_CREAT | O_WRONLY, 0o666)
    try #require(descriptor >= 0)
    close(descriptor)
  }

  /// Whether there is a file of this name, by the system's own calls.
  private func exists(_ name: [UInt8]) -> Bool {
    access(Self.path(folder.path, name), F_OK) == 0
  }

  private static func path(_ folder: String, _ name: [UInt8]) -> [CChar] {
    let bytes = Array(folder.utf8) + [0x2F] + name + [0]
    return bytes.map { CChar(bitPattern: $0) }
  }
}
