import ByteIO
import Foundation
import TestSupport
import Testing

@Suite struct MappedFileTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  @Test(arguments: [0, 1, 4095, 4096, 4097, 100_000])
  func `a mapped file shows all its bytes`(byteCount: Int) throws {
    let bytes = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let file = try MappedFile(path: folder.write(bytes, to: "file"))
    #expect(file.byteCount == byteCount)
    #expect(file.bytes.array == bytes)
    file.releasePages(in: 0..<byteCount)
    #expect(file.bytes.array == bytes)
  }

  @Test func `two names of one file have one identity`() throws {
    let path = try folder.write("x", to: "file")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link"), withDestinationPath: "file")
    try FileManager.default.linkItem(atPath: path, toPath: folder.path("hard"))
    let other = try folder.write("x", to: "other")
    let identity = try MappedFile(path: path).identity
    for name in ["link", "hard"] {
      #expect(try MappedFile(path: folder.path(name)).identity == identity)
      #expect(try FileStatus(path: folder.path(name)).identity == identity)
    }
    #expect(try FileStatus(path: other).identity != identity)
  }

  @Test(.timeLimit(.minutes(1)))
  func `a pipe in place of a file is refused, not waited for`() throws {
    let pipe = folder.path("pipe")
    try #require(mkfifo(pipe, 0o600) == 0)
    for path in [pipe, "/dev/zero"] {
      let error = #expect(throws: SystemError.self) { try MappedFile(path: path) }
      #expect(error?.description == "open: not a regular file")
    }
  }

  @Test func `what is not a file says so`() throws {
    #expect(throws: SystemError("open", path: folder.path, code: EISDIR)) {
      try MappedFile(path: folder.path)
    }
    let missing = folder.path("missing")
    #expect(throws: SystemError("open", path: missing, code: ENOENT)) {
      try MappedFile(path: missing)
    }
  }
}
