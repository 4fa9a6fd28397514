import Foundation
import TestSupport
import Testing

/// What `--json` prints, against Formats/json.md.
@Suite struct JSONTests {
  let stage: Stage

  init() throws { stage = try Stage() }

  static let reports: [(section: String, words: [String], status: Int32)] = [
    (
      "create, diff, combine, join",
      ["create", "base", "gradiend", "--feature-factor=1", "--learning-rate=0", "-o", "a"], 0
    ),
    ("create, diff, combine, join", ["diff", "base", "base", "-o", "b"], 0),
    ("create, diff, combine, join", ["combine", "base", "nothing", "patch", "-o", "b"], 0),
    (
      "create, diff, combine, join", ["diff", "base", "base", "-o", "b", "--share", "1/2"], 0
    ),
    ("create, diff, combine, join", ["join", "nothing.piece-1-of-1", "-o", "b"], 0),
    ("apply, strip", ["apply", "base", "nothing", "patch", "-o", "c"], 0),
    (
      "adapter",
      [
        "adapter", "llama", "llama-gradiend", "--feature-factor=1", "--learning-rate=1", "-o", "l",
        "--gguf", "l.gguf",
      ], 0
    ),
    ("apply, strip", ["apply", "base", "patch", "-o", "c"], 0),
    ("apply, strip", ["strip", "result.safetensors", "patch", "-o", "d"], 0),
    ("apply, strip", ["apply", "base", "patch", "--in-place"], 0),
    ("apply, strip", ["apply", "base", "patch", "-o", "c", "--share", "1/2"], 0),
    ("verify", ["verify", "base", "patch"], 0),
    ("verify", ["verify", "base", "patch", "--share", "1/1"], 0),
    ("verify", ["verify", "other", "patch"], 1),
    ("inspect, a patch", ["inspect", "patch"], 0),
    ("inspect, a patch", ["inspect", "patch", "--base", "base"], 0),
    ("inspect, a checkpoint", ["inspect", "base"], 0),
    ("inspect, a GRADIEND", ["inspect", "gradiend"], 0),
    ("card", ["card", "patch", "--base=org/base"], 0),
    ("package", ["package", "patch", "--base=org/base", "-o", "p"], 0),
    ("Errors", ["apply", "result", "patch", "-o", "e"], 1),
    ("Errors", ["apply", "none", "patch", "-o", "e"], 66),
    ("Errors", ["apply", "other", "patch", "-o", "e"], 1),
    ("Errors", ["apply", "base", "base.safetensors", "-o", "e"], 65),
    ("Errors", ["apply", "base", "patch", "-o", "result"], 73),
    ("Errors", ["apply", "base", "patch", "-o", "base", "--force"], 73),
    (
      "Errors", ["create", "base", "gradiend", "--feature-factor=1,2", "--learning-rate=0"], 64
    ),
  ]

  @Test(arguments: reports.indices)
  func `every key is documented, with its type, and every documented key is there`(
    position: Int
  ) throws {
    let (section, words, status) = Self.reports[position]
    try stage.folder.write(Stage.model(Stage.base.map { $0 + 1 }), to: "other")
    try stage.writeLlama()
    #expect(try stage.run("diff", "base", "base", "-o", "nothing").status == 0)
    #expect(try stage.run("diff", "base", "base", "-o", "nothing", "--share", "1/1").status == 0)
    let outcome = try stage.program.run(words + ["--json"])
    #expect(outcome.status == status)
    let documented = try Self.keys(of: section)
    let found = Self.flatten(try Self.object(outcome.output))
    for (key, type) in found {
      let expected = try #require(documented[key], "\(key) is not in Formats/json.md")
      let types = expected.components(separatedBy: " or ")
      // 0.0 reads as an integer.
      #expect(types.contains(type) || (type == "integer" && types.contains("number")), "\(key)")
    }
    // A list may be empty here, and so may what is in it.
    let missing = documented.keys.filter { found[$0] == nil && !$0.contains("[]") }
    #expect(missing.isEmpty)
    let speaks =
      ["Errors", "create, diff, combine, join", "card", "package"].contains(section)
      && words[0] != "combine" || words.contains("1/2")
    #expect(outcome.error.isEmpty != speaks)
  }

  @Test func `every kind of error has its exit code`() throws {
    let table = try Self.rows().filter { Int32($0[1]) != nil }.map { ($0[0], Int32($0[1])) }
    let codes = Dictionary(uniqueKeysWithValues: table)
    #expect(codes.count == 8)
    var seen: Set<String> = []
    for (section, words, status) in Self.reports where section == "Errors" {
      try stage.folder.write(Stage.model(Stage.base.map { $0 + 1 }), to: "other")
      let outcome = try stage.program.run(words + ["--json"])
      let error = try #require(try Self.object(outcome.output)["error"] as? [String: Any])
      let kind = try #require(error["kind"] as? String)
      #expect(codes["`\(kind)`"] == status)
      seen.insert(kind)
    }
    #expect(seen.count == 6, "all but inputOutput and unfinished")
  }

  @Test func `a report tells what happened`() throws {
    let applied = try Self.object(
      stage.run("apply", "base", "patch", "-o", "out", "--json").output)
    #expect(applied["output"] as? String == "out")
    #expect(applied["is"] as? String == "result")
    #expect(applied["changed_elements"] as? Int == 7)
    let verdict = try Self.object(stage.run("verify", "out", "patch", "--json").output)
    #expect(verdict["is"] as? String == "result")
    #expect(verdict["differing_from_base"] as? [String] == ["up.weight"])
    #expect(verdict["published_files"] as? Bool == true)
    let patch = try Self.object(stage.run("inspect", "patch", "--json").output)
    let counts = try #require(patch["byte_counts"] as? [String: Int])
    #expect(counts.values.reduce(0, +) == patch["bytes"] as? Int)
    #expect(try patch["bytes"] as? Int == stage.folder.bytes(of: "patch").count)
  }

  @Test func `a verdict is one line and a tree is many`() throws {
    let verdict = try stage.run("verify", "base", "patch", "--json").output
    #expect(verdict.split(separator: "\n").count == 1 && verdict.hasSuffix("}\n"))
    #expect(try stage.run("inspect", "base", "--json").output.split(separator: "\n").count > 10)
  }

  // MARK: Parts

  private static func object(_ text: String) throws -> [String: Any] {
    let value = try JSONSerialization.jsonObject(with: Data(text.utf8))
    return try #require(value as? [String: Any])
  }

  /// The keys of an object and of those in it, as Formats/json.md writes them, with their types.
  private static func flatten(_ value: Any, _ prefix: String = "") -> [String: String] {
    switch value {
    case let object as [String: Any] where !["metadata", "byte_counts"].contains(prefix):
      var keys: [String: String] = [:]
      for (key, member) in object {
        let name = prefix.isEmpty ? key : prefix + "." + key
        keys.merge(flatten(member, name)) { first, _ in first }
      }
      return keys
    case is [String: Any]: return [prefix: "object"]
    case let list as [Any]:
      return list.reduce(into: [:]) { keys, element in
        keys.merge(flatten(element, prefix + "[]")) { first, _ in first }
      }
    case is String: return [prefix: "string"]
    case is NSNull: return [prefix: "null"]
    case let number as NSNumber:
      return [prefix: isBoolean(number) ? "boolean" : "integer"]
    default: return [prefix: "unknown"]
    }
  }

  private static func isBoolean(_ number: NSNumber) -> Bool {
    String(cString: number.objCType) == "c"
  }

  /// The keys that a section documents, with their types.
  private static func keys(of section: String) throws -> [String: String] {
    let rows = try rows(of: section).filter { $0[0].hasPrefix("`") && Int($0[1]) == nil }
    return Dictionary(
      uniqueKeysWithValues: rows.map { ($0[0].trimmingCharacters(in: ["`"]), $0[1]) })
  }

  /// The cells of the rows of all tables, or of those of a section.
  private static func rows(of section: String? = nil) throws -> [[String]] {
    var current = ""
    var rows: [[String]] = []
    for line in try Fixtures.page("json.md").split(separator: "\n") {
      if line.hasPrefix("## ") { current = String(line.dropFirst(3)) }
      guard line.hasPrefix("| "), section == nil || section == current else { continue }
      rows.append(
        line.dropFirst().dropLast().components(separatedBy: "|").map {
          $0.trimmingCharacters(in: .whitespaces)
        })
    }
    return rows
  }
}
