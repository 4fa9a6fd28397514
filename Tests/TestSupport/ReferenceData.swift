internal import Foundation

/// The rewrites that the reference package made, unpacked once per process.
package enum ReferenceData {
  /// One rewrite of a tiny model.
  package struct Case: Decodable, Sendable {
    package let name: String
    /// The base checkpoint, relative to ``ReferenceData/folder``.
    package let base: String
    /// The GRADIEND checkpoint, relative to ``ReferenceData/folder``.
    package let gradiend: String
    package let learningRate: Double
    package let featureFactors: [Double]
    package let part: String
    package let isLegacy: Bool
    /// Whether the reference did what its documentation says.
    package let isSound: Bool

    private enum Key: String, CodingKey {
      case name, base, gradiend, part, reference, legacy, undefined
      case learningRate = "learning_rate"
      case featureFactor = "feature_factor"
      case bug = "reference_bug"
    }

    package init(from decoder: any Decoder) throws {
      let fields = try decoder.container(keyedBy: Key.self)
      name = try fields.decode(String.self, forKey: .name)
      base = try fields.decode(String.self, forKey: .base)
      gradiend = try fields.decode(String.self, forKey: .gradiend)
      part = try fields.decode(String.self, forKey: .part)
      learningRate = try fields.decode(Double.self, forKey: .learningRate)
      featureFactors =
        try (try? fields.decode([Double].self, forKey: .featureFactor))
        ?? [fields.decode(Double.self, forKey: .featureFactor)]
      isLegacy = try fields.decodeIfPresent(Bool.self, forKey: .legacy) ?? false
      let isFlawed = fields.contains(.bug) || fields.contains(.undefined)
      isSound = try !isFlawed && fields.decode(String.self, forKey: .reference).hasPrefix("ok")
    }
  }

  /// Where the archive was unpacked.
  package static func folder() throws -> String { try archive.get().folder }

  /// Every case, in the order of the index.
  package static func cases() throws -> [Case] {
    struct Index: Decodable { let cases: [Case] }
    let file = URL(fileURLWithPath: try folder() + "/index.json")
    return try JSONDecoder().decode(Index.self, from: Data(contentsOf: file)).cases
  }

  /// The case with this name.
  package static func named(_ name: String) throws -> Case {
    struct Missing: Error { let name: String }
    guard let found = try cases().first(where: { $0.name == name }) else {
      throw Missing(name: name)
    }
    return found
  }

  /// The path of `name`, such as a case's base, in the unpacked data.
  package static func path(_ name: String) throws -> String { try folder() + "/" + name }

  /// The folder with what the reference saved for a case.
  package static func oracle(_ name: String) throws -> String { try path("cases/" + name) }

  private static let archive = Result { try UnpackedArchive("reference.tar.xz") }
}

extension ReferenceData.Case: CustomStringConvertible {
  package var description: String { name }
}
