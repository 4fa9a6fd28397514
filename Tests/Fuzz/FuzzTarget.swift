/// A reader that is fed with bytes of any kind.
struct FuzzTarget: Sendable {
  let name: String
  /// Longer inputs are not tried: most of what can go wrong goes wrong early, and short runs are
  /// many runs.
  let byteLimit: Int
  /// Sound inputs, and such with one thing wrong, to start from.
  let seeds: @Sendable () throws -> [[UInt8]]
  /// Reads an input. It must be refused, or hold together; anything else ends the process.
  let run: @Sendable (RawSpan) -> Void

  static let all: [FuzzTarget] = [
    .json, .safetensors, .gguf, .torch, .pickle, .checkpoint, .numbers, .gradiend, .patch,
    .convertedPatch, .piece, .receipt, .journal, .layout, .layoutFrames, .chunk, .roundTrip,
    .conversion,
  ]
}

/// Ends the process unless `condition` holds.
func expect(_ condition: Bool, _ promise: @autoclosure () -> String) {
  guard condition else { fatalError("broken promise: \(promise())") }
}
