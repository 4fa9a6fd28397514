import ByteIO
import Foundation
import TestSupport
import Testing

/// Files that are opened by the first of them, and so are published together.
@Suite struct OutputSetTests {
  let folder: TemporaryDirectory
  static let names = ["x-1", "x-2", "x-3"]

  init() throws { folder = try TemporaryDirectory() }

  @Test(arguments: [false, true])
  func `a set appears as a whole`(isThere: Bool) throws {
    if isThere { for name in Self.names { try folder.write("old", to: name) } }
    try OutputFile.publish(files(overwrites: isThere))
    try expect("new")
  }

  @Test(arguments: names)
  func `where one name was taken meanwhile, no other is given`(taken: String) throws {
    do {
      let files = try files(overwrites: false)
      try folder.write("faster", to: taken)
      expectExists { () throws(SystemError) in try OutputFile.publish(files) }
    }
    #expect(try folder.names() == [taken])
    #expect(try folder.bytes(of: taken) == Array("faster".utf8))
  }

  @Test(arguments: names)
  func `where one file cannot be named, the old set comes back`(lost: String) throws {
    for name in Self.names { try folder.write("old", to: name) }
    do {
      let files = try files(overwrites: true)
      try folder.remove(try #require(folder.names().first { $0.hasPrefix(".\(lost).") }))
      #expect(throws: SystemError.self) { try OutputFile.publish(files) }
    }
    try expect("old")
  }

  @Test func `files of a longer set are replaced where there are any`() throws {
    try folder.write("old", to: "x-2")
    try OutputFile.publish(files(overwrites: true))
    try expect("new")
  }

  private func files(overwrites: Bool) throws -> [OutputFile] {
    try Self.names.map { name in
      let file = try OutputFile(path: folder.path(name), overwrites: overwrites)
      try file.contents.write(Array("new".utf8).span.bytes, at: 0)
      return file
    }
  }

  private func expect(_ text: String) throws {
    #expect(try folder.names() == Self.names)
    for name in Self.names { #expect(try folder.bytes(of: name) == Array(text.utf8)) }
  }
}
