package import ByteIO
package import Checkpoints
package import PatchFormat

/// The SHA-256 of each of a checkpoint's files, from chunks that come in the order of their bytes.
///
/// What belongs to no tensor is the same in every file that is written as in the checkpoint, so it
/// is hashed from there.
package struct FileHasher: Sendable {
  private let checkpoint: Checkpoint
  private var running = SHA256()
  /// The file that `running` is in, and the digests of those before it.
  private var fileIndex = 0
  /// How far into it.
  private var position = 0
  private var finished: [FileDigest] = []

  package init(_ checkpoint: Checkpoint) {
    self.checkpoint = checkpoint
  }

  /// Adds the next bytes of a tensor.
  ///
  /// - Parameters:
  ///   - bytes: of the tensor.
  ///   - tensor: of the checkpoint.
  ///   - offset: where they are in the tensor.
  package mutating func update(_ bytes: RawSpan, of tensor: StoredTensor, at offset: Int) {
    let start = tensor.descriptor.byteRange.lowerBound + offset
    moveTo(file: tensor.fileIndex)
    move(to: start)
    running.update(bytes)
    position = start + bytes.byteCount
  }

  /// The digests of the files.
  package mutating func finish() -> [FileDigest] {
    moveTo(file: checkpoint.files.count)
    return finished
  }

  /// The digests of `files`, under the names of those of `checkpoint`.
  package static func digests(_ files: [MappedFile], named checkpoint: Checkpoint) -> [FileDigest] {
    zip(files, checkpoint.files).map { FileDigest(name: $1.name, sha256: $0.sha256()) }
  }

  private mutating func moveTo(file index: Int) {
    while fileIndex < index {
      let file = checkpoint.files[fileIndex]
      move(to: file.mapped.byteCount)
      finished.append(FileDigest(name: file.name, sha256: running.finish()))
      fileIndex += 1
      position = 0
      running = SHA256()
    }
  }

  /// Adds what lies between the last chunk and `end`.
  private mutating func move(to end: Int) {
    guard position < end else { return }
    checkpoint.files[fileIndex].mapped.forEachPiece(of: position..<end) { running.update($0) }
    position = end
  }
}

extension MappedFile {
  /// The SHA-256 of the whole file, in hexadecimal.
  ///
  /// - Complexity: O(bytes of the file), few of which stay in memory.
  package func sha256() -> String {
    let running = SHA256()
    forEachPiece(of: 0..<byteCount) { running.update($0) }
    return running.finish()
  }
}
