internal import ByteIO
package import PatchEngine
internal import Synchronization

/// A change in place that this process has begun, and what to say should the process end before it.
package struct ChangeUnderWay {
  private let checkpoint: String

  private static let all = Mutex<[String: (journal: String, error: PatchError)]>([:])

  init(_ checkpoint: String, _ header: JournalHeader, journal path: String) {
    self.checkpoint = checkpoint
    let error = PatchError(
      .unfinished, path: checkpoint, UnfinishedChange.interruption(of: header),
      remedy: UnfinishedChange.remedy(header, path), option: .rollback(journal: path))
    Self.all.withLock { $0[checkpoint] = (path, error) }
  }

  func end() {
    Self.all.withLock { _ = $0.removeValue(forKey: checkpoint) }
  }

  /// Why the process must not be ended without a word, if there is a reason.
  package static var interruption: PatchError? {
    all.withLock { $0.values.first { FileStatus.exists($0.journal) }?.error }
  }
}
