internal import ByteIO
internal import Checkpoints
internal import Gradiend
internal import PatchFormat

/// What a patch is of: all that is known before anything is compared.
struct PatchSubject: Sendable {
  var source: PatchMetadata.Source
  var origins: PatchMetadata.Origins
  /// What each tensor's update may err, relative to it; 0 for an exact patch.
  var maxRelativeError: Double
  /// Of the base's weight files, in their order.
  var fileNames: [String]
  /// Of these files.
  var baseByteCount: Int
  /// Tensors of the base.
  var tensorCount: Int
  /// Elements of the base.
  var elementCount: Int
  /// Whether the patch carries layouts.
  var hasLayouts: Bool
}

/// What became of tensors and files, once all are compared.
struct PatchEncoding: Sendable {
  var tensors: [EncodedTensor]
  var baseFiles: [FileDigest]
  var resultFiles: [FileDigest]
  var layouts: PatchLayouts?
}

extension PatchSubject {
  /// Begins the patch.
  ///
  /// - Throws: ``PatchError`` if the output exists, or cannot be made.
  func begin(_ output: String, overwrites: Bool) throws(PatchError) -> PatchWriter {
    try PatchError.writing(output) { () throws(SystemError) in
      try PatchWriter(
        path: output, overwrites: overwrites, reserving: longestMetadata, hasLayouts: hasLayouts)
    }
  }

  /// Writes what comes behind the deltas, and gives the patch its name.
  ///
  /// - Throws: ``PatchError``; nothing then has the output's name.
  func finish(
    _ encoding: PatchEncoding, _ writer: inout PatchWriter, _ output: String
  ) throws(PatchError) -> PatchSummary {
    let (tensors, totals) = (encoding.tensors, encoding.tensors.totals)
    let metadata = metadata(
      base: .init(files: encoding.baseFiles, digest: "\(totals.base)"),
      result: .init(files: encoding.resultFiles, digest: "\(totals.result)"),
      relativeError: "\(Float(tensors.relativeError))",
      rounding: RoundingMeasure(tensors.rounding), changedTensorCount: tensors.changedTensorCount,
      changedElementCount: tensors.changedElementCount)
    let byteCount = try PatchError.writing(output) { () throws(SystemError) in
      try writer.finish(
        tensors: tensors.indexed, metadata: metadata, layouts: encoding.layouts)
    }
    var summary = summary(of: tensors, output, byteCount: byteCount)
    if summary.changedElementCount == 0 {
      summary.notes.append(
        isComputed
          ? "the patch changes nothing: every element stays as it is"
          : "the patch changes nothing: both checkpoints hold the same values")
    }
    return summary
  }

  /// What is said of a file with these tensors.
  func summary(of tensors: [EncodedTensor], _ path: String, byteCount: Int) -> PatchSummary {
    var notes: [String] = []
    let nonFiniteCount = tensors.nonFiniteCount
    if nonFiniteCount > 0 {
      let isOne = nonFiniteCount == 1
      notes.append(
        "\(Quantity.count(nonFiniteCount)) \(isOne ? "element" : "elements") of the result "
          + "\(isOne ? "is" : "are") NaN or infinite and finite in the base")
    }
    return PatchSummary(
      path: path, byteCount: byteCount, baseByteCount: baseByteCount, tensorCount: tensors.count,
      elementCount: tensors.elementCount, changedTensorCount: tensors.changedTensorCount,
      changedElementCount: tensors.changedElementCount, maxRelativeError: maxRelativeError,
      relativeError: tensors.relativeError, rounding: RoundingMeasure(tensors.rounding),
      roundings: tensors.roundings.map { ($0.tensor, RoundingMeasure($0.sums)) }, notes: notes)
  }

  private func metadata(
    base identity: PatchMetadata.Identity, result resultIdentity: PatchMetadata.Identity,
    relativeError: String, rounding: RoundingMeasure, changedTensorCount: Int,
    changedElementCount: Int
  ) -> PatchMetadata {
    let precision = PatchMetadata.Precision(
      maxRelativeError: "\(Float(maxRelativeError))", relativeError: relativeError)
    return PatchMetadata(
      source: source, origins: origins, precision: maxRelativeError > 0 ? precision : nil,
      rounding: isComputed
        ? .init(
          cosine: Self.decimal(rounding.cosine), normShare: Self.decimal(rounding.normShare))
        : nil,
      base: identity, result: resultIdentity,
      tensorCount: tensorCount, elementCount: elementCount,
      changedTensorCount: changedTensorCount, changedElementCount: changedElementCount)
  }

  private var isComputed: Bool {
    if case .gradiend = source { true } else { false }
  }

  /// Six digits, so that the text is as long whatever it says; shares of 10 and more are all the same.
  private static func decimal(_ value: Double?) -> String {
    Quantity.decimal(min(max(value ?? 0, 0), 9.999999), digits: 6)
  }

  /// Metadata as long as those that will be known at the end.
  private var longestMetadata: PatchMetadata {
    let identity = PatchMetadata.Identity(
      files: fileNames.map { .init(name: $0, sha256: String(repeating: "0", count: 64)) },
      digest: String(repeating: "0", count: 32))
    return metadata(
      base: identity, result: identity, relativeError: "-1.23456789e-10",
      rounding: RoundingMeasure(RoundingSums()), changedTensorCount: tensorCount,
      changedElementCount: elementCount)
  }
}
