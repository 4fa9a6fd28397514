package import DeltaCoding

extension Direction {
  /// What a checkpoint must be to be patched in this direction.
  package var input: CheckpointRole { self == .apply ? .base : .result }
  /// What it is afterwards.
  package var output: CheckpointRole { self == .apply ? .result : .base }
  /// The one that undoes this one.
  package var reversed: Direction { self == .apply ? .strip : .apply }
  /// The command that patches in this direction.
  package var command: String { self == .apply ? "apply" : "strip" }
}
