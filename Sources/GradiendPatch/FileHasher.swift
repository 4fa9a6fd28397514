internal import ByteIO
internal import Checkpoints
internal import PatchFormat

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
    return Self.lines(finished, checkpoint)
  }

  /// The lines that `sha256sum` would write for files with these digests and the names of those of
  /// `checkpoint`.
  static func lines(_ digests: [String], _ checkpoint: Checkpoint) -> String {
    zip(digests, checkpoint.files).map { "\($0)  \($1.name)" }.joined(separator: "\n")
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

extension MappedFile {
  /// The SHA-256 of the whole file, in hexadecimal.
  ///
  /// - Complexity: O(bytes of the file), few of which stay in memory.
  func sha256() -> String {
    let running = SHA256()
    for start in stride(from: 0, to: byteCount, by: TensorChunks.byteLimit) {
      let range = start..<min(start + TensorChunks.byteLimit, byteCount)
      running.update(bytes.extracting(range))
      releasePages(in: range)
    }
    return running.finish()
  }
}
