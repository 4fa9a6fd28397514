internal import ByteIO

/// What is left of outputs when a process ends early.
public enum UnfinishedOutputs {
  /// Makes signals by which others end a process, such as `SIGINT` and `SIGTERM`, remove them before.
  ///
  /// For executables; call it once, before anything else. Without it, an interrupted process leaves
  /// hidden files that end in `.partial` beside its outputs, and dies of `SIGBUS` if an input becomes
  /// shorter while it is read.
  ///
  /// - Parameter inputLost: told of an input that became shorter or could not be read any more; gives
  ///   the status with which the process then ends.
  public static func removeOnSignals(inputLost: @escaping @Sendable (PatchError) -> Int32) {
    Interruption.removesUnfinishedOutputs { path in
      inputLost(
        PatchError(
          .inputOutput, path: path, "the file became shorter, or unreadable, while it was read",
          remedy: "leave inputs alone while they are read, and check the disk"))
    }
  }
}
