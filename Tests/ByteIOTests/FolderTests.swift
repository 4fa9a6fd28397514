import ByteIO
import Foundation
import TestSupport
import Testing

@Suite struct FolderTests {
  @Test(arguments: [
    ("a//b", "a/", "b"), ("./a", ".", "a"), ("a/\u{301}b", "a", "\u{301}b"),
    ("/\u{301}b", "/", "\u{301}b"),
  ])
  func `a path is its parent and its last component`(
    path: String, parent: String, lastComponent: String
  ) {
    #expect(Folder.parent(of: path) == parent)
    #expect(Folder.lastComponent(of: path) == lastComponent)
  }

  @Test(arguments: [
    ("model.safetensors", true), ("...", true), (" ", true), ("", false), (".", false),
    ("..", false), ("a/b", false), ("/a", false), ("../a", false), ("a\0b", false),
    // A combining mark makes another character of a slash, but not another byte.
    ("../\u{301}a", false), ("/\u{338}", false),
  ])
  func `only a name in the folder itself is bare`(name: String, isBare: Bool) {
    #expect(Folder.isBareName(name) == isBare)
  }

  @Test func `names come sorted by their bytes`() throws {
    let folder = try TemporaryDirectory()
    for name in ["b", "a", "B", "é", ".hidden"] { try folder.write("", to: name) }
    #expect(try Folder.names(in: folder.path) == [".hidden", "B", "a", "b", "é"])
  }

  @Test func `entries tell files and links to them from folders and anything else`() throws {
    let folder = try TemporaryDirectory()
    try folder.write("", to: "file")
    try folder.write("", to: "folder/file")
    for (link, target) in [("good", "file"), ("linked", "folder"), ("dangling", "nowhere")] {
      try FileManager.default.createSymbolicLink(
        atPath: folder.path(link), withDestinationPath: target)
    }
    #expect(
      try Folder.entries(in: folder.path).map { "\($0.name) \($0.kind)" }
        == ["dangling other", "file file", "folder folder", "good file", "linked other"])
  }
}
