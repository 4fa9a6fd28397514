internal import PatchEngine
internal import PatchFormat

/// Writes what a patch changes as indices and values, for other programs (Formats/export.md).
public struct Export: PatchOperation {
  /// The patch file.
  public var patch: String
  /// The base: checkpoint file or folder.
  public var base: String
  /// The safetensors file to write.
  public var output: String
  /// Whether ``output`` may exist.
  public var overwrites = false
  /// How many threads work; 0 is one for each core.
  public var threadCount = 0

  /// Exports the changes of `patch` to `output`.
  public init(patch: String, base: String, output: String) {
    self.patch = patch
    self.base = base
    self.output = output
  }

  /// Writes the file.
  ///
  /// - Parameter execution: threads, progress and cancellation.
  /// - Returns: what was written.
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the base), with a few chunks of memory for each thread.
  public func run(in execution: Execution) throws(PatchError) -> ExportSummary {
    let patch = try InputName(self.patch).patch()
    let base = try InputName(self.base).checkpoint()
    try OutputGuard([base], files: [patch.file]).check(output)
    return try ChangeExport(PatchMatch(patch, base), output: output, overwrites: overwrites)
      .run(execution)
  }
}
