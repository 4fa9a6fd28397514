import ByteIO
import Foundation
import Glibc
import TestSupport
import Testing

@Suite struct OutputFileTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  static let contents = Array("new contents".utf8)

  @Test func `a published file has its bytes and leaves nothing beside it`() throws {
    try write("result", overwrites: false)
    #expect(try folder.bytes(of: "result") == Self.contents)
    #expect(try folder.names() == ["result"])
  }

  @Test func `a file that is not published leaves nothing behind`() throws {
    do {
      let file = try OutputFile(path: folder.path("result"), overwrites: false)
      try file.contents.write(Self.contents.span.bytes, at: 0)
      #expect(try folder.names().count == 1)
      #expect(FileStatus.exists(file.contents.path))
      #expect(!FileStatus.exists(folder.path("result")))
    }
    #expect(try folder.names().isEmpty)
  }

  @Test func `the temporary lies hidden in the same folder`() throws {
    let file = try OutputFile(path: folder.path("result"), overwrites: false)
    let names = try folder.names()
    #expect(names.count == 1)
    #expect(names[0].hasPrefix(".result."))
    #expect(names[0].hasSuffix(".partial"))
    withExtendedLifetime(file) {}
  }

  @Test func `an existing file is not replaced without permission`() throws {
    try folder.write("old", to: "result")
    expectExists { () throws(SystemError) in
      _ = try OutputFile(path: folder.path("result"), overwrites: false)
    }
    #expect(try folder.names() == ["result"])
    #expect(try folder.bytes(of: "result") == Array("old".utf8))
  }

  @Test func `a name that was taken meanwhile is not replaced`() throws {
    do {
      let file = try OutputFile(path: folder.path("result"), overwrites: false)
      try folder.write("faster", to: "result")
      expectExists { () throws(SystemError) in try file.publish() }
    }
    #expect(try folder.names() == ["result"])
    #expect(try folder.bytes(of: "result") == Array("faster".utf8))
  }

  @Test func `publishing replaces a file where it is allowed`() throws {
    try folder.write("old", to: "result")
    try write("result", overwrites: true)
    #expect(try folder.bytes(of: "result") == Self.contents)
    #expect(try folder.names() == ["result"])
  }

  @Test func `a file that was mapped keeps its bytes when its name is replaced`() throws {
    try folder.write("old", to: "result")
    let mapped = try MappedFile(path: folder.path("result"))
    try write("result", overwrites: true)
    #expect(mapped.bytes.array == Array("old".utf8))
  }

  @Test func `a symbolic link is replaced, never written through`() throws {
    try folder.write("target", to: "target")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link"), withDestinationPath: "target")
    expectExists { () throws(SystemError) in
      _ = try OutputFile(path: folder.path("link"), overwrites: false)
    }
    try write("link", overwrites: true)
    #expect(try folder.bytes(of: "target") == Array("target".utf8))
    #expect(try folder.bytes(of: "link") == Self.contents)
    let attributes = try FileManager.default.attributesOfItem(atPath: folder.path("link"))
    #expect(attributes[.type] as? FileAttributeType == .typeRegular)
  }

  @Test func `a folder is not replaced by a file, even where overwriting is allowed`() throws {
    try folder.write("kept", to: "result/kept")
    #expect(throws: SystemError.self) {
      _ = try OutputFile(path: folder.path("result"), overwrites: true)
    }
    #expect(try folder.names() == ["result"])
    #expect(try folder.bytes(of: "result/kept") == Array("kept".utf8))
  }

  @Test func `a dangling link counts as existing`() throws {
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link"), withDestinationPath: "nowhere")
    expectExists { () throws(SystemError) in
      _ = try OutputFile(path: folder.path("link"), overwrites: false)
    }
  }

  @Test(arguments: [
    String(repeating: "a", count: 255), String(repeating: "é", count: 127) + "x",
    String(repeating: "€", count: 85),
  ])
  func `a name may use all 255 bytes`(name: String) throws {
    #expect(name.utf8.count == 255)
    try write(name, overwrites: false)
    #expect(try folder.names() == [name])
  }

  @Test func `errors name the output, not the temporary`() throws {
    let path = folder.path("missing/result")
    do throws(SystemError) {
      _ = try OutputFile(path: path, overwrites: false)
      Issue.record("created")
    } catch {
      #expect(error.path == path)
      #expect(error.kind == .missing)
    }
  }

  @Test func `pieces may be written in any order`() throws {
    let file = try OutputFile(path: folder.path("result"), overwrites: false)
    try file.contents.reserve(Self.contents.count)
    try file.contents.write(Self.contents.span.bytes.extracting(4..<12), at: 4)
    try file.contents.write(Self.contents.span.bytes.extracting(0..<4), at: 0)
    try file.publish()
    #expect(try folder.bytes(of: "result") == Self.contents)
  }

  @Test func `the permissions are those the user's mask allows`() throws {
    try folder.write("", to: "other")
    try write("result", overwrites: false)
    let modes = try ["other", "result"].map { name in
      try FileManager.default.attributesOfItem(atPath: folder.path(name))[.posixPermissions] as? Int
    }
    #expect(modes[0] == modes[1])
  }

  @Test func `no more is permitted than was asked for`() throws {
    let file = try OutputFile(path: folder.path("result"), overwrites: false, permissions: 0o640)
    try file.publish()
    #expect(try FileStatus(path: folder.path("result")).permissions & ~0o640 == 0)
  }

  @Test(arguments: ["new/", "file/", "file/new", String(repeating: "a", count: 256)])
  func `a name that no file can have is refused before anything is made`(name: String) throws {
    try folder.write("old", to: "file")
    #expect(throws: SystemError.self) {
      _ = try OutputFile(path: folder.path(name), overwrites: true)
    }
    #expect(try folder.names() == ["file"])
  }

  @Test(arguments: ["pipe", "device", "stream"])
  func `what is no file is not replaced`(name: String) throws {
    #expect(mkfifo(folder.path("pipe"), 0o666) == 0)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("device"), withDestinationPath: "/dev/null")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("stream"), withDestinationPath: "/proc/self/fd/2")
    let before = try folder.names()
    do throws(SystemError) {
      _ = try OutputFile(path: folder.path(name), overwrites: true)
      Issue.record("\(name) would be replaced")
    } catch {
      #expect(error.kind == .notRegular)
    }
    #expect(try folder.names() == before)
  }

  private func write(_ name: String, overwrites: Bool) throws {
    let file = try OutputFile(path: folder.path(name), overwrites: overwrites)
    try file.contents.write(Self.contents.span.bytes, at: 0)
    try file.publish()
  }
}

/// Expects that `body` fails as something has the name already.
func expectExists(
  _ body: () throws(SystemError) -> Void, sourceLocation: SourceLocation = #_sourceLocation
) {
  do throws(SystemError) {
    try body()
    Issue.record("nothing was refused", sourceLocation: sourceLocation)
  } catch {
    #expect(error.kind == .exists, "\(error)", sourceLocation: sourceLocation)
  }
}
