internal import ByteIO
internal import Checkpoints

/// The SHA-256 of each of a checkpoint's files, from chunks that come in the order of their bytes.
struct FileHasher: Sendable {
  private let checkpoint: Checkpoint
  private var running = SHA256()
  /// The file that `running` is in, and the digests of those before it.
  private var fileIndex = 0
  private var finished: [String] = []

  init(_ checkpoint: Checkpoint) {
    self.checkpoint = checkpoint
    beginFile()
  }

  /// Adds bytes of the payload of file `index`.
  mutating func update(_ bytes: RawSpan, file index: Int) {
    moveTo(file: index)
    running.update(bytes)
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
      finished.append(running.finish())
      fileIndex += 1
      running = SHA256()
      if fileIndex < checkpoint.files.count { beginFile() }
    }
  }

  /// Headers are the base's in every file that is written, so they are hashed from there.
  private mutating func beginFile() {
    let file = checkpoint.files[fileIndex]
    running.update(file.mapped.bytes.extracting(0..<file.header.payloadOffset))
  }
}
