public import PatchEngine
internal import Dispatch

/// One of the tool's commands, as a value: inputs and options, and what carries it out.
///
/// Paths may be names on the Hub of what its local cache holds (Formats/hub.md): `HF_HUB_CACHE`,
/// `HF_HOME` and `HOME` say where that is. A path that exists wins.
public protocol PatchOperation<Outcome>: Sendable {
  /// What is known in the end.
  associatedtype Outcome: Sendable

  /// How many threads work; 0 is one for each core. The outcome does not depend on it.
  var threadCount: Int { get set }

  /// Carries the operation out; callers use ``run(progress:)-swift.method``.
  func run(in execution: Execution) throws(PatchError) -> Outcome
}

extension PatchOperation {
  /// Carries the operation out on this thread and others, and returns when it is done.
  ///
  /// - Parameter progress: called on any thread, a few hundred times for each GiB at most.
  /// - Returns: what is known in the end.
  /// - Throws: ``PatchError``; see each operation for what is then written.
  public func run(progress: ProgressHandler? = nil) throws(PatchError) -> Outcome {
    try run(in: Execution(threadCount: threadCount, progress: progress))
  }

  /// Carries the operation out on threads of its own. If the task is cancelled, it ends soon, as after
  /// any other error.
  ///
  /// - Parameter progress: called on any thread, a few hundred times for each GiB at most.
  /// - Returns: what is known in the end.
  /// - Throws: ``PatchError``, of kind `cancelled` if the task was; see each operation.
  public func run(progress: ProgressHandler? = nil) async throws(PatchError) -> Outcome {
    let cancellation = Cancellation()
    let execution = Execution(
      threadCount: threadCount, progress: progress, cancellation: cancellation)
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        // Not one of the few threads that all tasks share: this one waits for disks.
        DispatchQueue.global().async {
          continuation.resume(
            returning: Result { () throws(PatchError) in try run(in: execution) })
        }
      }
    } onCancel: {
      cancellation.cancel()
    }
    return try result.get()
  }
}
