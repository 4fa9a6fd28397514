import ByteIO
import Foundation
import TestSupport
import Testing

@Suite struct OutputFolderTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  @Test func `a published folder has all its files and leaves nothing beside it`() throws {
    try write(["a", "sub/b", "sub/deeper/c"], overwrites: false)
    #expect(try folder.names() == ["out"])
    for name in ["a", "sub/b", "sub/deeper/c"] {
      #expect(try folder.bytes(of: "out/" + name) == Array(name.utf8))
    }
  }

  @Test func `a folder that is not published leaves nothing behind`() throws {
    do {
      let output = try OutputFolder(path: folder.path("out"), overwrites: false)
      _ = try output.createFile("sub/file")
      #expect(try folder.names().count == 1)
    }
    #expect(try folder.names().isEmpty)
  }

  @Test func `an existing folder is not replaced without permission`() throws {
    try folder.write("old", to: "out/old")
    expectExists { () throws(SystemError) in
      _ = try OutputFolder(path: folder.path("out"), overwrites: false)
    }
    #expect(try folder.names() == ["out"])
  }

  @Test func `a name that was taken meanwhile is not replaced`() throws {
    do {
      let output = try OutputFolder(path: folder.path("out"), overwrites: false)
      try folder.write("faster", to: "out/faster")
      expectExists { () throws(SystemError) in try output.publish() }
    }
    #expect(try folder.names() == ["out"])
    #expect(try folder.bytes(of: "out/faster") == Array("faster".utf8))
  }

  @Test func `publishing replaces the old folder and all it held`() throws {
    try folder.write("old", to: "out/old")
    try folder.write("old", to: "out/sub/old")
    try write(["new"], overwrites: true)
    #expect(try folder.names() == ["out"])
    #expect(try Folder.names(in: folder.path("out")) == ["new"])
  }

  @Test func `publishing replaces an empty folder`() throws {
    try FileManager.default.createDirectory(
      atPath: folder.path("out"), withIntermediateDirectories: false)
    try write(["new"], overwrites: true)
    #expect(try Folder.names(in: folder.path("out")) == ["new"])
  }

  @Test func `what a link in the old folder points to stays`() throws {
    try folder.write("kept", to: "elsewhere/kept")
    try folder.write("old", to: "out/old")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("out/link"), withDestinationPath: "../elsewhere")
    try write(["new"], overwrites: true)
    #expect(try folder.names() == ["elsewhere", "out"])
    #expect(try folder.bytes(of: "elsewhere/kept") == Array("kept".utf8))
  }

  @Test func `a link to a folder is replaced, never written through`() throws {
    try folder.write("kept", to: "target/kept")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("out"), withDestinationPath: "target")
    try write(["new"], overwrites: true)
    #expect(try Folder.names(in: folder.path("target")) == ["kept"])
    #expect(try Folder.names(in: folder.path("out")) == ["new"])
    let attributes = try FileManager.default.attributesOfItem(atPath: folder.path("out"))
    #expect(attributes[.type] as? FileAttributeType == .typeDirectory)
  }

  @Test func `a file is replaced by a folder where that is allowed`() throws {
    try folder.write("old", to: "out")
    try write(["new"], overwrites: true)
    #expect(try folder.names() == ["out"])
    #expect(try Folder.names(in: folder.path("out")) == ["new"])
  }

  @Test func `a trailing slash does not matter`() throws {
    let output = try OutputFolder(path: folder.path("out/"), overwrites: false)
    try output.publish()
    #expect(try folder.names() == ["out"])
  }

  @Test func `a link is replaced itself, even with a slash behind its name`() throws {
    try folder.write("kept", to: "target/kept")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("out"), withDestinationPath: "target")
    try OutputFolder(path: folder.path("out/"), overwrites: true).publish()
    #expect(try folder.tree() == ["out", "target", "target/kept"])
    #expect(!FileStatus.isSymbolicLink(folder.path("out")))
  }

  @Test func `folders and files permit no more than was asked for`() throws {
    let output = try OutputFolder(path: folder.path("out"), overwrites: false, permissions: 0o500)
    _ = try output.createFile("file", permissions: 0o600)
    try output.publish()
    // Its maker writes in it.
    #expect(try FileStatus(path: folder.path("out")).permissions == 0o700)
    #expect(try FileStatus(path: folder.path("out/file")).permissions == 0o600)
  }

  private func write(_ names: [String], overwrites: Bool) throws {
    let output = try OutputFolder(path: folder.path("out"), overwrites: overwrites)
    for name in names {
      let file = try output.createFile(name)
      try file.write(Array(name.utf8).span.bytes, at: 0)
    }
    try output.publish()
  }
}
