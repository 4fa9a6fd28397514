internal import ByteIO

/// What is left of outputs when a process ends early.
public enum UnfinishedOutputs {
  /// Makes `SIGINT`, `SIGTERM` and `SIGHUP` remove them before they end the process.
  ///
  /// For executables; call it once, before anything else. Without it, an interrupted process leaves
  /// hidden files that end in `.partial` beside its outputs.
  public static func removeOnSignals() {
    Interruption.removesUnfinishedOutputs()
  }
}
