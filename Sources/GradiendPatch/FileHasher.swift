internal import ByteIO
internal import Checkpoints

/// The SHA-256 of each of a checkpoint's files, from chunks that come in the order of their bytes.
///
/// What belongs to no tensor is the same in every file that is written as in the checkpoint, so it
/// is hashed from there.
struct FileHasher: Sendable {
  private let checkpoint: Checkpoint
  private var running = SHA256()
  /// The file that `running` is in, and the digests of those before it.
  private var fileIndex = 0
  /// How far into it.
  private var position = 0
  private var finished: [String] = []

  init(_ checkpoint: Checkpoint) {
    self.checkpoint = checkpoint
  }

  /// Adds the next chunk of a tensor.
  mutating func update(_ bytes: RawSpan, of item: ChunkPlan.Item) {
    moveTo(file: item.fileIndex)
    move(to: item.byteRange.lowerBound)
    running.update(bytes)
    position = item.byteRange.upperBound
  }

  /// The lines that `sha256sum` would write for the files.
  mutating func finish() -> String {
    moveTo(file: checkpoint.files.count)
    return zip(finished, checkpoint.files).map { "\($0)  \($1.name)" }.joined(separator: "\n")
  }

  /// The digests in such lines, without the names, which people change.
  static func digests(_ lines: String) -> [Substring] {
    lines.split(separator: "\n").map { $0.prefix(64) }
  }

  private mutating func moveTo(file index: Int) {
    while fileIndex < index {
      move(to: checkpoint.files[fileIndex].mapped.byteCount)
      finished.append(running.finish())
      fileIndex += 1
      position = 0
      running = SHA256()
    }
  }

  /// Adds what lies between the last chunk and `end`.
  private mutating func move(to end: Int) {
    guard position < end else { return }
    let file = checkpoint.files[fileIndex].mapped
    running.update(file.bytes.extracting(position..<end))
    position = end
  }
}
