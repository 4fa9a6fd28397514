import Foundation
import Glibc
import TestSupport
import Testing

/// What `--progress` writes to standard error: Formats/json.md, Progress.
@Suite struct ProgressTests {
  let stage: Stage

  init() throws { stage = try Stage() }

  static let commands = [
    ["create", "base", "gradiend", "--feature-factor=1", "--learning-rate=1", "-o", "a"],
    ["diff", "base", "result", "-o", "b"], ["apply", "base", "patch", "-o", "c"],
    ["strip", "result.safetensors", "patch", "-o", "d"], ["verify", "base", "patch"],
  ]

  @Test(arguments: commands)
  func `progress is JSON, never falls, and ends with everything done`(words: [String]) throws {
    let outcome = try stage.program.run(words + ["--progress=json", "--json", "--quiet"])
    #expect(outcome.status == 0)
    let lines = try Self.progress(outcome.error)
    for key in ["tensors_done", "tensors", "bytes_done", "bytes"] {
      let values = try lines.map { try #require($0[key]) }
      #expect(values == values.sorted(), "\(key)")
    }
    let last = try #require(lines.last)
    #expect(last.count == 4)
    // The model of Stage: 32, 12 and 16 bytes.
    #expect(last["tensors"] == 3 && last["tensors_done"] == 3)
    #expect(last["bytes"] == 60 && last["bytes_done"] == 60)
  }

  @Test func `a tensor without elements is done`() throws {
    var builder = SafetensorsBuilder()
    builder.add("none", "U8", [0], [])
    builder.add("one", "U8", [1], [1])
    try stage.folder.write(builder.bytes, to: "empty")
    let outcome = try stage.run("diff", "empty", "empty", "-o", "e", "-q", "--progress=json")
    #expect(try Self.progress(outcome.error).last?["tensors_done"] == 2)
  }

  @Test func `the result is the same, and notes and errors stand beside`() throws {
    let plain = try stage.run("verify", "base", "patch", "--json")
    let loud = try stage.run("verify", "base", "patch", "--json", "--progress=json")
    #expect(loud.output == plain.output)
    let noted = try stage.run("diff", "base", "base", "-o", "same", "--progress=json")
    #expect(noted.error.split(separator: "\n").last?.hasPrefix("note: ") == true)
    let refused = try stage.run("apply", "result", "patch", "-o", "out", "--progress=json")
    #expect(refused.status == 1)
    #expect(refused.error.contains(#"{"progress":"#))
    #expect(refused.error.contains("\ngradiend-patch: "))
  }

  @Test func `other forms write nothing where nobody watches`() throws {
    for form in ["auto", "none"] {
      #expect(try stage.run("verify", "base", "patch", "--progress", form).error.isEmpty)
    }
    let wrong = try stage.run("verify", "base", "patch", "--progress=xml")
    #expect(wrong.status == 64)
    #expect(wrong.error.contains("HOW must be 'auto', 'none' or 'json', not 'xml'"))
  }

  @Test func `when nobody reads progress any more, the work ends and leaves nothing`() throws {
    let byteCount = 192 << 20
    let header = #"{"big":{"dtype":"U8","shape":[\#(byteCount)],"data_offsets":[0,\#(byteCount)]}}"#
    try stage.folder.write(SafetensorsBuilder.file(header: header), to: "large")
    let file = try #require(FileHandle(forUpdatingAtPath: stage.folder.path("large")))
    try file.truncate(atOffset: file.seekToEnd() + UInt64(byteCount))
    try file.close()
    #expect(try stage.run("diff", "large", "large", "-o", "large.patch").status == 0)
    let before = try stage.folder.tree()
    let pipe = stage.folder.path("pipe")
    try #require(mkfifo(pipe, 0o600) == 0)
    let reader = open(pipe, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    try #require(reader >= 0)
    let running = try stage.program.start(
      ["apply", "large", "large.patch", "-o", "out", "--progress=json"], errorPath: pipe)
    // Gone before the first line comes.
    close(reader)
    #expect(running.wait().signal == SIGTERM)
    #expect(try stage.folder.tree() == (before + ["pipe"]).sorted())
  }

  /// The progress of each line that is progress.
  private static func progress(_ text: String) throws -> [[String: Int]] {
    try text.split(separator: "\n").filter { $0.hasPrefix(#"{"progress":"#) }.map { line in
      let value = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return try #require(value?["progress"] as? [String: Int])
    }
  }
}
