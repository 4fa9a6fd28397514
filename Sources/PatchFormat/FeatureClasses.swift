/// The classes that a GRADIEND tells apart, and what it encodes each as (Formats/patch.md, section
/// 3.2).
package struct FeatureClasses: Equatable, Sendable {
  private struct Class: Equatable {
    let code: Float
    let name: String
  }

  /// By the bytes of their names.
  private let classes: [Class]

  /// Nil if there are none, or one cannot be written on a line.
  ///
  /// - Parameter codes: classes and what they are encoded as.
  package init?(_ codes: [(name: String, code: Double)]) {
    classes = codes.map { Class(code: Float($0.code), name: $0.name) }
      .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    guard Self.isSound(classes) else { return nil }
  }

  /// Reads ``lines``.
  ///
  /// - Returns: nil if they are anything else.
  init?(lines: String) {
    var classes: [Class] = []
    for line in lines.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false) {
      let parts = line.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, let code = Float(String(parts[0])) else { return nil }
      classes.append(Class(code: code, name: String(parts[1])))
    }
    self.classes = classes
    guard Self.isSound(classes), self.lines == lines else { return nil }
  }

  private static func isSound(_ classes: [Class]) -> Bool {
    !classes.isEmpty
      && zip(classes, classes.dropFirst()).allSatisfy {
        $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
      }
      && classes.allSatisfy { each in
        each.code.isFinite && !each.name.isEmpty
          && each.name.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
      }
  }

  /// A line for each class, without a line feed at the end.
  package var lines: String {
    classes.map { "\($0.code) \($0.name)" }.joined(separator: "\n")
  }

  /// The classes on the same side of zero as a feature factor, nil if there are none.
  package func names(towards factor: String) -> String? {
    let factor = Float(factor) ?? 0
    let names = classes.filter { $0.code > 0 && factor > 0 || $0.code < 0 && factor < 0 }
    return names.isEmpty ? nil : names.map(\.name).joined(separator: ", ")
  }
}

extension PatchMetadata.Update {
  /// The classes of the feature towards which the update goes: those that h encodes, if α adds rather
  /// than takes away. Nil where that is not known.
  package var direction: String? {
    guard let featureFactors, (Float(learningRate) ?? 0) > 0 else { return nil }
    return featureClasses?.names(towards: featureFactors)
  }
}
