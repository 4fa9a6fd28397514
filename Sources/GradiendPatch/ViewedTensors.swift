internal import Checkpoints

/// Where the tensors of a patch are in a checkpoint that holds them in another form.
struct ViewedTensors: Sendable {
  var views: [TensorView] = []
  /// Tensors of the file that the patch does not know and need not know.
  var copies: [Checkpoint.Tensor] = []
  /// What a user should know, in sentences without a full stop.
  var notes: [String] = []
  /// Whether every tensor of the patch's base is there.
  var isComplete = true
}
