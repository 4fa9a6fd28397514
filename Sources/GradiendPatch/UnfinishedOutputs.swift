internal import ByteIO
public import PatchEngine
internal import InPlace

/// What is left of outputs when a process ends early.
public enum UnfinishedOutputs {
  /// Makes signals by which others end a process, such as `SIGINT` and `SIGTERM`, remove them before.
  ///
  /// For executables; call it once, before anything else. Without it, an interrupted process leaves
  /// hidden files that end in `.partial` beside its outputs, and dies of `SIGBUS` if an input becomes
  /// shorter while it is read.
  ///
  /// - Parameter report: told of an input that became shorter or could not be read any more, and
  ///   gives the status with which the process then ends; told of a change in place that a signal
  ///   interrupts, of which the process then dies.
  public static func removeOnSignals(report: @escaping @Sendable (PatchError) -> Int32) {
    Interruption.removesUnfinishedOutputs { path in
      let message = "the file became shorter, or unreadable, while it was read"
      guard let change = ChangeUnderWay.interruption else {
        return report(
          PatchError(
            .inputOutput, path: path, message,
            remedy: "leave inputs alone while they are read, and check the disk"))
      }
      return report(
        PatchError(
          .inputOutput, path: path, "\(message); \(change.message)", remedy: change.remedy,
          option: change.option))
    } interrupted: {
      if let change = ChangeUnderWay.interruption { _ = report(change) }
    }
  }
}
