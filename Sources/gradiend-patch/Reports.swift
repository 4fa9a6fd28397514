import GradiendPatch

extension PatchSummary {
  /// The summary for people.
  var text: String {
    summary + (maxRelativeError > 0 ? "\n" + precision : "") + (lossText.map { "\n" + $0 } ?? "")
  }

  /// What rounding takes from the update, where that is worth a word.
  private var lossText: String? {
    guard let cosine = rounding.cosine, let share = rounding.normShare,
      let kept = rounding.text, cosine < 0.99 || abs(share - 1) > 0.01
    else { return nil }
    return "rounded to the base's types, the update keeps \(kept); 'adapter' keeps more"
  }

  private var precision: String {
    "the update errs by \(Quantity.decimal(relativeError, digits: 5)) of its RMS at most in any tensor; "
      + "\(Quantity.decimal(maxRelativeError, digits: 5)) was allowed"
  }

  private var summary: String {
    """
    \(path): \(share.map { "piece \($0.index) of \($0.count), " } ?? "")\(Quantity.bytes(byteCount)), \
    \(Quantity.share(byteCount, of: baseByteCount)) of the base's \(Quantity.bytes(baseByteCount))\
    \(share == nil ? "" : " in this share")
    changes \(Quantity.count(changedElementCount)) of \(Quantity.count(elementCount)) elements \
    (\(Quantity.share(changedElementCount, of: elementCount))) in \(changedTensorCount) of \
    \(tensorCount) tensors
    """
  }
}

extension ModelSummary {
  /// The summary for people.
  var text: String {
    """
    \(path): \(state); \
    \(Quantity.count(changedElementCount)) elements differ from the input in \
    \(changedTensorCount) tensors
    """
  }

  private var state: String {
    guard let role else { return "the result, rounded to the types of these files" }
    guard let share else { return "the \(role.name), all \(tensorCount) tensors as published" }
    return
      "share \(share.index) of \(share.count) of the \(role.name), its \(tensorCount) tensors as published"
  }
}

extension Verify.Verdict {
  private var portion: String { share.map { "share \($0.index) of \($0.count): " } ?? "" }

  /// The verdict on the checkpoint at `path`, for people.
  func text(_ path: String) -> String {
    let damage = damagedFiles.map {
      "\n\(path): \($0.printable) is damaged: its SHA-256 is not the one by which the Hub's cache knows it"
    }.joined()
    if isEmpty { return "\(path): \(portion)no weight file is of this share" }
    if let role {
      let files =
        hasPublishedFiles
        ? ", and the files are the publisher's"
        : patchNamesFiles ? ", in other files" : "; the patch does not say in which files"
      let tensors = share == nil ? "all \(tensorCount)" : "its \(tensorCount)"
      return "\(path): \(portion)the \(role.name): \(tensors) tensors match\(files)" + damage
    }
    let isNearResult = differingFromResult.count < differingFromBase.count
    let differing = isNearResult ? differingFromResult : differingFromBase
    let listed = differing.prefix(10).map { "  \($0.printable)" }
    let more = differing.count > 10 ? ["  … and \(differing.count - 10) more"] : []
    let lines =
      [
        "\(path): \(portion)neither base nor result",
        "\(differing.count) of \(tensorCount) tensors differ from the "
          + (isNearResult ? "result:" : "base:"),
      ] + listed + more
    return lines.joined(separator: "\n") + damage
  }
}

extension ExportSummary {
  /// The summary for people.
  var text: String {
    "\(path): \(Quantity.count(elementCount)) changes in \(tensorCount) tensors, "
      + Quantity.bytes(byteCount)
  }
}

extension Inspection {
  /// The report on `path`, for people.
  func text(_ path: String) -> String {
    patch?.text(path) ?? checkpoint?.text(path) ?? gradiend?.text(path) ?? ""
  }
}

extension PatchReport {
  fileprivate func text(_ path: String) -> String {
    var lines = ["\(path): patch, \(Quantity.bytes(byteCount))"]
    for (position, addition) in additions.enumerated() {
      let facts = [
        addition.featureFactors.map { "h \($0)" },
        additions.count > 1 ? "learning rate \(addition.learningRate)" : nil,
        addition.direction.map { "towards \($0)" },
      ].compactMap { $0 }.joined(separator: ", ")
      if additions.count > 1 {
        lines.append("GRADIEND \(position + 1): \(facts)")
      } else if addition.direction != nil {
        lines.append(facts)
      }
    }
    if let kept { lines.append("rounded to the base's types, the update keeps \(kept)") }
    if let first = carriedTensors.first {
      let others = carriedTensors.count - 1
      lines.append(
        "carries tensor '\(first.printable)'" + (others > 0 ? " and \(others) more" : "") + " whole"
      )
    }
    lines.append("")
    let width = metadata.map(\.key.count).max() ?? 0
    for datum in metadata {
      let name = datum.key + String(repeating: " ", count: width - datum.key.count)
      for (index, line) in datum.value.split(separator: "\n", omittingEmptySubsequences: false)
        .enumerated()
      {
        lines.append((index == 0 ? name : String(repeating: " ", count: width)) + "  " + line)
      }
    }
    lines.append("")
    lines +=
      Table(
        ["part", "bytes", "share"],
        parts.map {
          [$0.name, Quantity.count($0.byteCount), Quantity.share($0.byteCount, of: byteCount)]
        }
      ).lines
    lines.append("")
    let isMeasured = changes.contains { $0.update != nil }
    let unit = updateUnit
    lines +=
      Table(
        ["tensor", "type", "shape", "elements", "changed", "share", "bytes", "bits/element"]
          + (isMeasured ? ["update/weights, \(unit.name)"] : []),
        changesByPlace.map { change in
          let bits = 8 * Double(change.byteCount) / Double(max(1, change.tensor.elementCount))
          return [
            change.tensor.name, change.tensor.elementType, change.tensor.shape.description,
            Quantity.count(change.tensor.elementCount), Quantity.count(change.changedCount),
            Quantity.share(change.changedCount, of: change.tensor.elementCount),
            Quantity.count(change.byteCount), Quantity.decimal(bits, digits: 4),
          ]
            + (isMeasured
              ? [change.update.map { unit.precise($0.relative ?? .infinity) } ?? "-"] : [])
        }
      ).lines
    return lines.joined(separator: "\n")
  }
}

extension CheckpointReport {
  fileprivate func text(_ path: String) -> String {
    let byteCount = files.reduce(0) { $0 + $1.byteCount }
    let elementCount = tensors.reduce(0) { $0 + $1.elementCount }
    var lines = [
      "\(path): checkpoint, \(tensors.count) tensors, \(Quantity.count(elementCount)) elements, "
        + Quantity.bytes(byteCount),
      "",
    ]
    lines += Table(["file", "bytes"], files.map { [$0.name, Quantity.count($0.byteCount)] }).lines
    if !metadata.isEmpty {
      lines +=
        [""]
        + metadata.map {
          // Further lines are set in, so that they cannot be taken for others of the report.
          "\($0.key.printable): \($0.value.replacing("\n", with: "\n  "))"
        }
    }
    lines += [""]
    lines +=
      Table(
        ["tensor", "type", "shape", "elements"],
        tensors.map {
          [$0.name, $0.elementType, $0.shape.description, Quantity.count($0.elementCount)]
        }
      ).lines
    return lines.joined(separator: "\n")
  }
}

extension GradiendReport {
  fileprivate func text(_ path: String) -> String {
    let lines = [
      "\(path): GRADIEND checkpoint, \(Quantity.count(entryCount)) entries, \(latentCount) "
        + (latentCount == 1 ? "latent" : "latents"),
      "decoder activation \(activation), \(hasBias ? "with" : "without") bias, \(elementType)",
      "",
    ]
    let table = Table(
      ["parameter", "shape", "map", "selected"],
      parameters.map {
        [
          $0.name, $0.shape?.description ?? "the base's", $0.selection,
          $0.selectedCount.map { Quantity.count($0) } ?? "",
        ]
      })
    return (lines + table.lines).joined(separator: "\n")
  }
}

extension PatchPackage {
  /// The summary for people.
  var text: String {
    let table = Table(
      ["file", "bytes"], files.map { [$0.name, Quantity.count($0.byteCount)] })
    return
      (["\(path): \(files.count) files, ready for the Hub"] + table.lines
      + ["", "to upload it, in place of what is there:", "  " + uploadCommand]).joined(
        separator: "\n")
  }
}
