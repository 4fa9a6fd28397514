package import ByteIO
package import Checkpoints

extension PatchMetadata {
  /// What a header says of where the result's values came from.
  package static func entries(
    _ source: Source, _ origins: Origins
  ) -> [SafetensorsHeader.Metadatum] {
    var entries: [SafetensorsHeader.Metadatum] = []
    switch source {
    case .diff: entries.append(.init("source", "diff"))
    case .gradiend(let updates, let part):
      entries.append(.init("source", "gradiend"))
      entries += Self.entries(of: updates, part: part)
    }
    for (key, origin) in [("base", origins.base), ("result", origins.result)] {
      guard let origin else { continue }
      entries += Self.entries(of: [origin], key)
    }
    return entries
  }

  /// What a header says of updates: a line for each (Formats/patch.md, section 3.3).
  package static func entries(of updates: [Update], part: String) -> [SafetensorsHeader.Metadatum] {
    var entries: [SafetensorsHeader.Metadatum] = []
    let factors = updates.compactMap(\.featureFactors)
    if !factors.isEmpty { entries.append(.init("feature_factor", factors.joined(separator: "\n"))) }
    if updates.contains(where: { $0.featureClasses != nil }) {
      let classes = updates.map { $0.featureClasses?.lines ?? "" }
      entries.append(.init("feature_classes", classes.joined(separator: "\n\n")))
    }
    entries += [
      .init("learning_rate", updates.map(\.learningRate).joined(separator: "\n")),
      .init("part", part),
      .init("gradiend_digest", updates.map(\.gradiendDigest).joined(separator: "\n")),
    ]
    let origins = updates.map(\.origin)
    return entries + (origins.contains { $0 != nil } ? Self.entries(of: origins, "gradiend") : [])
  }

  /// Repositories and commits, a line for each: an empty one where it is not known.
  package static func entries(
    of origins: [Provenance?], _ key: String
  ) -> [SafetensorsHeader.Metadatum] {
    [
      .init(
        key + "_repository",
        origins.map { $0?.repository.description ?? "" }.joined(separator: "\n")),
      .init(key + "_commit", origins.map { $0?.commit.description ?? "" }.joined(separator: "\n")),
    ]
  }
}

extension PatchMetadata {
  /// Reads what other files than patches say of updates, and of the base, with the same keys.
  ///
  /// - Throws: ``FormatError`` if a key is missing, or does not fit the others.
  package static func origin(
    parsing metadata: [SafetensorsHeader.Metadatum], of noun: String
  ) throws(FormatError) -> (source: Source, base: Provenance?) {
    var fields = MetadataFields(metadata, of: noun)
    return (try fields.takeComputed(), try fields.takeOrigins("base", count: 1)[0])
  }
}

extension String {
  /// What line feeds separate.
  fileprivate var lines: [String] {
    unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
  }
}

/// Metadata that are taken key by key until none is left.
package struct MetadataFields {
  private var rest: [String: String]
  /// What messages call the file.
  private let what: String

  package init(_ metadata: [SafetensorsHeader.Metadatum], of what: String = "patch") {
    self.what = what
    // Keys that differ in bytes may still be equal as text. Those that are known are ASCII, which
    // nothing else equals, so such keys are unknown, and one of them is enough to say so.
    rest = Dictionary(metadata.map { ($0.key, $0.value) }) { first, _ in first }
  }

  package mutating func take(_ key: String) -> String? { rest.removeValue(forKey: key) }

  package mutating func require(_ key: String) throws(FormatError) -> String {
    guard let value = take(key) else {
      throw .corrupt("the \(what)'s metadata lack '\(key)'", at: 8)
    }
    return value
  }

  package mutating func requireCount(_ key: String) throws(FormatError) -> Int {
    let text = try require(key)
    guard let count = Int(text), count >= 0, String(count) == text else {
      throw .corrupt("the \(what)'s metadata give '\(text)' for '\(key)'", at: 8)
    }
    return count
  }

  mutating func requireFiles(_ key: String) throws(FormatError) -> [FileDigest] {
    let text = try require(key)
    guard let files = [FileDigest](lines: text) else {
      throw .corrupt(
        "the \(what)'s metadata give '\(text)' for '\(key)', not the lines that sha256sum writes",
        at: 8)
    }
    return files
  }

  /// Where the result's values came from.
  package mutating func takeSource() throws(FormatError) -> (
    PatchMetadata.Source, PatchMetadata.Origins
  ) {
    let source: PatchMetadata.Source
    switch try require("source") {
    case "diff": source = .diff
    case "gradiend":
      source = try takeComputed()
    case let other: throw .unsupported("the \(what) has source '\(other)'", at: 8)
    }
    var origins = PatchMetadata.Origins(base: try takeOrigins("base", count: 1)[0])
    if source == .diff { origins.result = try takeOrigins("result", count: 1)[0] }
    return (source, origins)
  }

  /// What was computed of which part.
  mutating func takeComputed() throws(FormatError) -> PatchMetadata.Source {
    let part = try require("part")
    return .gradiend(try takeUpdates(part: part), part: part)
  }

  /// What was added of each GRADIEND (Formats/patch.md, section 3.3).
  private mutating func takeUpdates(part: String) throws(FormatError) -> [PatchMetadata.Update] {
    let digests = try require("gradiend_digest").lines
    let rates = try checked("learning_rate", try require("learning_rate").lines, digests.count)
    let (factors, classes) =
      part == "decoder"
      ? (
        try checked("feature_factor", try require("feature_factor").lines, digests.count),
        try takeClasses(count: digests.count)
      ) : ([], [])
    let origins = try takeOrigins("gradiend", count: digests.count)
    return digests.indices.map { index in
      PatchMetadata.Update(
        featureFactors: factors.isEmpty ? nil : factors[index], learningRate: rates[index],
        gradiendDigest: digests[index], featureClasses: classes.isEmpty ? nil : classes[index],
        origin: origins[index])
    }
  }

  private func checked(
    _ key: String, _ values: [String], _ count: Int
  ) throws(FormatError) -> [String] {
    guard values.count == count else {
      throw .corrupt(
        "the \(what)'s metadata give \(values.count) lines for '\(key)' and \(count) for "
          + "'gradiend_digest'", at: 8)
    }
    return values
  }

  /// The classes of each GRADIEND, nil where it has none; empty if none has.
  private mutating func takeClasses(count: Int) throws(FormatError) -> [FeatureClasses?] {
    guard let text = take("feature_classes") else { return [] }
    let blocks = text.split(separator: "\n\n", omittingEmptySubsequences: false)
    let classes = blocks.map { FeatureClasses(lines: String($0)) }
    guard blocks.count == count,
      zip(blocks, classes).allSatisfy({ ($0.isEmpty && count > 1) == ($1 == nil) }),
      blocks.contains(where: { !$0.isEmpty })
    else {
      throw .corrupt("the \(what)'s metadata give '\(text)' for 'feature_classes'", at: 8)
    }
    return classes
  }

  /// `count` repositories and a commit of each: both or neither.
  mutating func takeOrigins(_ key: String, count: Int) throws(FormatError) -> [Provenance?] {
    guard let repository = take(key + "_repository") else {
      return Array(repeating: nil, count: count)
    }
    let commit = try require(key + "_commit")
    let pairs = zip(repository.lines, commit.lines).map { repository, commit -> Provenance? in
      guard let name = RepositoryName(repository), let commit = Commit(commit) else { return nil }
      return Provenance(repository: name, commit: commit)
    }
    // As they would be written.
    guard pairs.count == count, pairs.contains(where: { $0 != nil }),
      PatchMetadata.entries(of: pairs, key).map(\.value) == [repository, commit]
    else {
      throw .corrupt(
        "the \(what)'s metadata give '\(repository)' and '\(commit)' for repository and commit of the "
          + key, at: 8)
    }
    return pairs
  }

  package func checkEmpty(version: String) throws(FormatError) {
    guard let key = rest.keys.min() else { return }
    throw .unsupported(
      "the \(what), of format version \(version), has metadata '\(key)' that this program does not "
        + "know", at: 8)
  }
}
