import Checkpoints
import CommandGrammar
import GradiendPatch

// The keys of these objects are an interface: Formats/json.md lists them, and they stay.

extension JSONValue {
  static func strings(_ texts: [String]) -> JSONValue {
    .array(texts.map { .string($0) })
  }

  /// `null` for nil.
  static func optional(_ number: Double?) -> JSONValue {
    number.map { .real($0) } ?? .null
  }

  /// `null` for nil.
  static func optional(_ text: String?) -> JSONValue {
    text.map { .string($0) } ?? .null
  }
}

extension PatchSummary {
  /// The summary as a JSON object on one line.
  var json: String {
    JSONValue.object([
      .init("patch", .string(path)),
      .init("share", .optional(share?.description)),
      .init("bytes", .integer(byteCount)),
      .init("base_bytes", .integer(baseByteCount)),
      .init("tensors", .integer(tensorCount)),
      .init("elements", .integer(elementCount)),
      .init("changed_tensors", .integer(changedTensorCount)),
      .init("changed_elements", .integer(changedElementCount)),
      .init("max_relative_error", .real(maxRelativeError)),
      .init("relative_error", .real(relativeError)),
      .init("update_cosine", .optional(rounding.cosine)),
      .init("update_norm_share", .optional(rounding.normShare)),
      .init(
        "updates",
        .array(
          roundings.map {
            .object([
              .init("tensor", .string($0.tensor)), .init("cosine", .optional($0.measure.cosine)),
              .init("norm_share", .optional($0.measure.normShare)),
            ])
          })),
      .init("notes", .strings(notes)),
    ]).text()
  }
}

extension ModelSummary {
  /// The summary as a JSON object on one line.
  var json: String {
    JSONValue.object([
      .init("output", .string(path)),
      .init("share", .optional(share?.description)),
      .init("is", .optional(role?.name)),
      .init("bytes", .integer(byteCount)),
      .init("tensors", .integer(tensorCount)),
      .init("changed_tensors", .integer(changedTensorCount)),
      .init("changed_elements", .integer(changedElementCount)),
      .init("notes", .strings(notes)),
    ]).text()
  }
}

extension Verify.Verdict {
  /// The verdict as a JSON object on one line.
  var json: String {
    JSONValue.object(
      [
        .init("share", .optional(share?.description)),
        .init("is", .optional(role?.name)),
        .init("tensors", .integer(tensorCount)),
        .init("differing_from_base", .strings(differingFromBase)),
        .init("differing_from_result", .strings(differingFromResult)),
        .init("published_files", patchNamesFiles ? .boolean(hasPublishedFiles) : .null),
        .init("damaged_files", .strings(damagedFiles)),
        .init("sha256", .string(sha256)),
        .init("base_sha256", .optional(baseSHA256)),
      ]
    ).text()
  }
}

extension Inspection {
  /// The report as a JSON object, indented.
  var json: String {
    let kinds: [(String, [JSONValue.Member]?)] = [
      ("patch", patch?.members), ("checkpoint", checkpoint?.members),
      ("gradiend", gradiend?.members),
    ]
    let members = kinds.flatMap { kind, members in
      members.map { [.init("kind", .string(kind))] + $0 } ?? []
    }
    return JSONValue.object(members).text(isIndented: true)
  }
}

extension PatchReport {
  fileprivate var members: [JSONValue.Member] {
    [
      .init("bytes", .integer(byteCount)),
      .init("tensors", .integer(tensorCount)),
      .init("elements", .integer(elementCount)),
      .init("changed_elements", .integer(changedElementCount)),
      .init("gradiends", .array(additions.map { .object($0.members) })),
      .init("metadata", .object(metadata.map { .init($0.key, .string($0.value)) })),
      .init("carried_tensors", .strings(carriedTensors)),
      .init("byte_counts", .object(parts.map { .init($0.name, .integer($0.byteCount)) })),
      .init(
        "changed_tensors",
        .array(
          changes.map { change in
            .object(
              change.tensor.members + [
                .init("changed_elements", .integer(change.changedCount)),
                .init("bytes", .integer(change.byteCount)),
              ] + (change.update?.members ?? []))
          })),
    ]
  }
}

extension PatchReport.Addition {
  fileprivate var members: [JSONValue.Member] {
    [
      .init("feature_factor", .optional(featureFactors)),
      .init("learning_rate", .string(learningRate)),
      .init("towards", .optional(direction)),
      .init("digest", .string(digest)),
      .init("origin", .optional(origin)),
    ]
  }
}

extension UpdateMeasure {
  fileprivate var members: [JSONValue.Member] {
    [
      .init("update_rms", .real(updateRMS)),
      .init("base_rms", .real(baseRMS)),
      .init("relative_update", relative.map { .real($0) } ?? .null),
    ]
  }
}

extension CheckpointReport {
  fileprivate var members: [JSONValue.Member] {
    [
      .init(
        "files",
        .array(
          files.map {
            .object([
              .init("name", .string($0.name)), .init("bytes", .integer($0.byteCount)),
            ])
          })),
      .init("metadata", .object(metadata.map { .init($0.key, .string($0.value)) })),
      .init("tensors", .array(tensors.map { .object($0.members) })),
    ]
  }
}

extension GradiendReport {
  fileprivate var members: [JSONValue.Member] {
    [
      .init("entries", .integer(entryCount)),
      .init("latents", .integer(latentCount)),
      .init("activation", .string(activation)),
      .init("bias", .boolean(hasBias)),
      .init("type", .string(elementType)),
      .init(
        "parameters",
        .array(
          parameters.map { parameter in
            let shape = parameter.shape.map {
              JSONValue.Member("shape", .array($0.map { .integer($0) }))
            }
            let count = parameter.selectedCount.map { JSONValue.Member("selected", .integer($0)) }
            let members: [JSONValue.Member?] = [
              .init("name", .string(parameter.name)), shape,
              .init("selection", .string(parameter.selection)), count,
            ]
            return .object(members.compactMap { $0 })
          })),
    ]
  }
}

extension TensorReport {
  fileprivate var members: [JSONValue.Member] {
    [
      .init("name", .string(name)),
      .init("type", .string(elementType)),
      .init("shape", .array(shape.map { .integer($0) })),
      .init("elements", .integer(elementCount)),
    ]
  }
}

extension ExportSummary {
  /// The summary as a JSON object on one line.
  var json: String {
    JSONValue.object([
      .init("output", .string(path)),
      .init("bytes", .integer(byteCount)),
      .init("tensors", .integer(tensorCount)),
      .init("elements", .integer(elementCount)),
    ]).text()
  }
}

extension ModelCard {
  /// The card as a JSON object on one line.
  var json: String {
    JSONValue.object([
      .init("output", .optional(output)),
      .init("repository", .string(repository)),
      .init("base", .string(base)),
      .init("license", .optional(license)),
      .init("text", .string(text)),
      .init("notes", .strings(notes)),
    ]).text()
  }
}

extension PatchPackage {
  /// The package as a JSON object on one line.
  var json: String {
    JSONValue.object([
      .init("package", .string(path)),
      .init("repository", .string(card.repository)),
      .init("base", .string(card.base)),
      .init("license", .optional(card.license)),
      .init(
        "files",
        .array(
          files.map {
            .object([
              .init("name", .string($0.name)), .init("bytes", .integer($0.byteCount)),
              .init("sha256", .string($0.sha256)),
            ])
          })),
      .init("upload", .string(uploadCommand)),
      .init("notes", .strings(notes)),
    ]).text()
  }
}

extension OperationProgress {
  /// The progress as a JSON object on one line, under the key `progress`.
  var json: String {
    JSONValue.object([
      .init(
        "progress",
        .object([
          .init("tensors_done", .integer(tensorsDone)),
          .init("tensors", .integer(tensorCount)),
          .init("bytes_done", .integer(bytesDone)),
          .init("bytes", .integer(byteCount)),
        ]))
    ]).text()
  }
}

extension UsageError {
  /// The error as a JSON object on one line, as that of any other.
  var json: String {
    PatchError.json(
      kind: PatchError.Kind.usage.name, path: nil, tensor: nil, message: sentence, remedy: remedy)
  }
}

extension PatchError {
  /// The error as a JSON object on one line, under the key `error`.
  var json: String {
    Self.json(kind: kind.name, path: path, tensor: tensor, message: message, remedy: remedy)
  }

  fileprivate static func json(
    kind: String, path: String?, tensor: String?, message: String, remedy: String?
  ) -> String {
    JSONValue.object([
      .init(
        "error",
        .object([
          .init("kind", .string(kind)),
          .init("path", .optional(path)),
          .init("tensor", .optional(tensor)),
          .init("message", .string(message)),
          .init("remedy", .optional(remedy)),
        ]))
    ]).text()
  }
}
