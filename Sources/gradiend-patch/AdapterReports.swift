import Checkpoints
import GradiendPatch

extension AdapterSummary {
  /// The summary for people.
  var text: String {
    let worst = layers.max { $0.relativeError < $1.relativeError }
    var lines = [
      "\(path): adapter of rank \(rank), \(Quantity.bytes(byteCount)), for \(layers.count) linear layers",
      "it errs by \(Self.error(relativeError)) of the update of these layers"
        + (worst.map { ", at most by \(Self.error($0.relativeError)), in \($0.module)" } ?? ""),
    ]
    if !leftOut.isEmpty {
      let largest = leftOut.sorted { $0.share > $1.share }.prefix(3).map {
        "\($0.tensor) (\(Quantity.share($0.share)))"
      }
      let more = leftOut.count > 3 ? " and \(leftOut.count - 3) more" : ""
      lines.append(
        "leaves out \(Quantity.share(leftOutShare)) of the update's squares: "
          + largest.joined(separator: ", ") + more)
    }
    if !savedModules.isEmpty {
      lines.append(
        "brings \(savedModules.count) modules whole: PEFT loads it, vLLM and llama.cpp do not")
    }
    if let ggufPath { lines.append("\(ggufPath): the same for llama.cpp") }
    return lines.joined(separator: "\n")
  }

  private static func error(_ error: Double) -> String { Quantity.decimal(error, digits: 3) }
}

extension AdapterSummary {
  /// The summary as a JSON object on one line.
  var json: String {
    JSONValue.object([
      .init("output", .string(path)),
      .init("gguf", .optional(ggufPath)),
      .init("bytes", .integer(byteCount)),
      .init("rank", .integer(rank)),
      .init("relative_error", .real(relativeError)),
      .init("left_out_share", .real(leftOutShare)),
      .init(
        "layers",
        .array(
          layers.map {
            .object([
              .init("module", .string($0.module)), .init("share", .real($0.share)),
              .init("relative_error", .real($0.relativeError)),
            ])
          })),
      .init(
        "left_out",
        .array(
          leftOut.map {
            .object([.init("tensor", .string($0.tensor)), .init("share", .real($0.share))])
          })),
      .init("modules_to_save", .strings(savedModules)),
      .init("notes", .strings(notes)),
    ]).text()
  }
}
