internal import Foundation

/// Tiny GGUF checkpoints that llama.cpp's converter made, unpacked once per process.
package enum ReferenceGGUF {
  /// A base and its result.
  package struct Pair: Decodable, Sendable {
    package let name: String
    package let architecture: String
    package let type: String
    /// Paths of all files.
    package let base: [String]
    package let result: [String]
    /// The element type of the Hugging Face checkpoints they were converted from, and these.
    package let sourceType: String?
    package let sourceBase: String?
    package let sourceResult: String?
    /// Elements that come out wrong when a patch of the sources is applied to the base; nil for
    /// pairs that are not floats.
    package let inexactCount: Int?

    private enum Key: String, CodingKey {
      case name, type, base, result
      case architecture = "arch"
      case sourceType = "hf_dtype"
      case sourceBase = "hf_base"
      case sourceResult = "hf_result"
      case inexactCount = "wrong_if_applied_to_gguf_alone"
    }

    package init(from decoder: any Decoder) throws {
      let fields = try decoder.container(keyedBy: Key.self)
      func files(_ key: Key) throws -> [String] {
        let names =
          try (try? fields.decode([String].self, forKey: key))
          ?? [fields.decode(String.self, forKey: key)]
        return try names.map { try ReferenceGGUF.path($0) }
      }
      func folder(_ key: Key) throws -> String? {
        try fields.decodeIfPresent(String.self, forKey: key).map { try ReferenceGGUF.path($0) }
      }
      name = try fields.decode(String.self, forKey: .name)
      architecture = try fields.decodeIfPresent(String.self, forKey: .architecture) ?? ""
      type = try fields.decode(String.self, forKey: .type)
      base = try files(.base)
      result = try files(.result)
      sourceType = try fields.decodeIfPresent(String.self, forKey: .sourceType)
      sourceBase = try folder(.sourceBase)
      sourceResult = try folder(.sourceResult)
      inexactCount = try fields.decodeIfPresent(Int.self, forKey: .inexactCount)
    }

    package var isBigEndian: Bool { name.hasSuffix("big-endian") }
  }

  /// A file with one thing odd or wrong.
  package struct OddFile: Decodable, Sendable, CustomStringConvertible {
    package let file: String
    /// What is odd.
    package let what: String
    /// What must happen.
    package let must: String

    package var description: String { "\(file): \(what)" }
    package var path: String { get throws { try ReferenceGGUF.path("malformed/" + file) } }
  }

  /// Every pair, in the order of the index.
  package static func pairs() throws -> [Pair] { try decode([Pair].self, from: "index.json") }

  /// Pairs of more families, likewise; all have sources.
  package static func families() throws -> [Pair] {
    try decode([Pair].self, from: "families/index.json")
  }

  package static func oddFiles() throws -> [OddFile] {
    try decode([OddFile].self, from: "malformed/cases.json")
  }

  /// The path of `name` in the unpacked data.
  package static func path(_ name: String) throws -> String {
    try archive.get().folder + "/" + name
  }

  private static func decode<Value: Decodable>(
    _: Value.Type, from name: String
  ) throws -> Value {
    let file = URL(fileURLWithPath: try path(name))
    return try JSONDecoder().decode(Value.self, from: Data(contentsOf: file))
  }

  private static let archive = Result {
    try UnpackedArchive("reference-gguf.tar.xz", "gguf-families.tar.xz")
  }
}

extension ReferenceGGUF.Pair: CustomStringConvertible {
  package var description: String { name }
}
