internal import PatchEngine

/// Makes a patch of the pieces that all shares of ``Create`` or ``Diff`` wrote: byte for byte the one
/// that a single process makes.
public struct Join: PatchOperation {
  /// The pieces, in any order.
  public var pieces: [String]
  /// Where the patch goes.
  public var output: String
  /// Whether `output` may exist.
  public var overwrites = false
  /// 0 for one a core.
  public var threadCount = 0

  /// Joins pieces with the default options.
  public init(pieces: [String], output: String) {
    self.pieces = pieces
    self.output = output
  }

  /// Checks that the pieces are those of one run and all of them, and writes the patch.
  ///
  /// - Throws: ``PatchError`` naming the piece that is missing, doubled, damaged or of another run;
  ///   nothing then has the output's name.
  /// - Complexity: O(bytes of the pieces), in memory that their tensors take, not their changes.
  public func run(in execution: Execution) throws(PatchError) -> PatchSummary {
    let join = try PatchJoin(pieces, programVersion: Version.current)
    try OutputGuard([], files: join.inputs).check(output)
    return try join.run(output, overwrites: overwrites, execution)
  }
}
