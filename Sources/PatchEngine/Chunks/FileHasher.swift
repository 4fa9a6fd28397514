package import ByteIO
package import Checkpoints
package import PatchFormat

/// The SHA-256 of each of a checkpoint's files, from chunks that come in the order of their bytes.
///
/// What belongs to no tensor is hashed from the checkpoint, or from the layout that files have which are
/// nowhere.
package struct FileHasher: Sendable {
  private struct File {
    /// Its position among those of the checkpoint, which tensors tell.
    let number: Int
    let name: String
    let byteCount: Int
  }

  private enum Rest {
    case files([MappedFile])
    case layout(CheckpointLayout)
  }

  private let files: [File]
  private let rest: Rest
  private var running = SHA256()
  /// Which of `files` `running` is in, and the digests of those before it.
  private var fileIndex = 0
  /// How far into it.
  private var position = 0
  private var finished: [FileDigest] = []

  /// - Parameters:
  ///   - checkpoint: whose files are hashed, and whose bytes besides tensors.
  ///   - numbers: which of its files, ascending, if not all.
  package init(_ checkpoint: Checkpoint, only numbers: [Int]? = nil) {
    files = (numbers ?? Array(checkpoint.files.indices)).map { number in
      let file = checkpoint.files[number]
      return File(number: number, name: file.name, byteCount: file.mapped.byteCount)
    }
    rest = .files(checkpoint.files.map(\.mapped))
  }

  /// Hashes files of this layout, all of whose tensors' bytes must come.
  package init(_ layout: CheckpointLayout, names: [String]) {
    files = zip(layout.files, names).enumerated().map {
      File(number: $0, name: $1.1, byteCount: $1.0.byteCount)
    }
    rest = .layout(layout)
  }

  /// Adds the next bytes of a tensor.
  ///
  /// - Parameters:
  ///   - bytes: of the tensor.
  ///   - tensor: of the checkpoint, or of the layout.
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
    moveTo(file: .max)
    return finished
  }

  /// The digests of `files`, under the names of those of `checkpoint`; of some, if `numbers` says which.
  package static func digests(
    _ files: [MappedFile], named checkpoint: Checkpoint, only numbers: [Int]? = nil
  ) -> [FileDigest] {
    (numbers ?? Array(files.indices)).map {
      FileDigest(name: checkpoint.files[$0].name, sha256: files[$0].sha256())
    }
  }

  private mutating func moveTo(file number: Int) {
    while fileIndex < files.count, files[fileIndex].number < number {
      let file = files[fileIndex]
      move(to: file.byteCount)
      finished.append(FileDigest(name: file.name, sha256: running.finish()))
      fileIndex += 1
      position = 0
      running = SHA256()
    }
  }

  /// Adds what lies between the last chunk and `end`.
  private mutating func move(to end: Int) {
    guard position < end else { return }
    let number = files[fileIndex].number
    switch rest {
    case .files(let files): files[number].forEachPiece(of: position..<end) { running.update($0) }
    case .layout(let layout):
      let file = layout.files[number]
      var offset = 0
      for range in file.otherByteRanges {
        let part = range.clamped(to: position..<end)
        let start = offset + part.lowerBound - range.lowerBound
        if !part.isEmpty {
          running.update(file.otherBytes.rawSpan.extracting(start..<start + part.count))
        }
        offset += range.count
      }
    }
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
