internal import Synchronization

/// A change in place that this process has begun, and what to say should the process end before it.
struct ChangeUnderWay {
  private let checkpoint: String

  private static let all = Mutex<[String: PatchError]>([:])

  init(_ checkpoint: String, _ journal: ChangeJournal) {
    self.checkpoint = checkpoint
    let error = PatchError(
      .unfinished, path: checkpoint, UnfinishedChange.interruption(of: journal.header),
      remedy: UnfinishedChange.remedy(journal.header, journal.path))
    Self.all.withLock { $0[checkpoint] = error }
  }

  func end() {
    Self.all.withLock { _ = $0.removeValue(forKey: checkpoint) }
  }

  /// Why the process must not be ended without a word, if there is a reason.
  static var interruption: PatchError? {
    all.withLock { $0.values.first }
  }
}
