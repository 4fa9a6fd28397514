internal import ByteIO
internal import Checkpoints
internal import PatchFormat

/// The weight files of a share, which appear one by one in the folder of shares.
struct ShareWeights: TensorSink {
  private let path: String
  /// By their numbers among the input's files.
  private let files: [Int: OutputFile]
  /// Where each tensor of the input goes, by its name.
  private let places: [String: StoredTensor]

  /// - Throws: ``PatchError`` if the files cannot be made, or have no room.
  init(
    of share: FileShare, _ output: SharedOutput, for input: Checkpoint, layout: CheckpointLayout,
    synchronises: Bool
  ) throws(PatchError) {
    path = output.path
    places = Dictionary(uniqueKeysWithValues: layout.tensors.map { ($0.name, $0) })
    var files: [Int: OutputFile] = [:]
    for number in share.fileNumbers {
      let file = input.files[number]
      files[number] = try PatchError.writing(output.path) { () throws(SystemError) in
        let weights = try OutputFile(
          path: output.weights(file.name), overwrites: true, permissions: file.mapped.permissions,
          synchronises: synchronises)
        try weights.contents.begin(as: layout.files[number])
        return weights
      }
    }
    self.files = files
  }

  func write(_ bytes: RawSpan, to tensor: StoredTensor, at offset: Int) throws(PatchError) {
    let place = places[tensor.name] ?? tensor
    guard let file = files[place.fileIndex] else {
      preconditionFailure("a share writes to its own files")
    }
    try PatchError.writing(path) { () throws(SystemError) in
      try file.contents.write(bytes, at: place.descriptor.byteRange.lowerBound + offset)
    }
  }

  /// The SHA-256 of the files as they are, before they have their names.
  func digests(_ share: FileShare, of input: Checkpoint) throws(PatchError) -> [FileDigest] {
    try share.fileNumbers.map { (number) throws(PatchError) in
      let file = try PatchError.writing(path) { () throws(SystemError) in
        try files[number].map { (file) throws(SystemError) in
          try MappedFile(path: file.contents.path)
        }
      }
      return FileDigest(name: input.files[number].name, sha256: file?.sha256() ?? "")
    }
  }

  /// Gives all files their names in the folder of shares.
  func publish() throws(PatchError) {
    for file in files.values {
      try PatchError.writing(path) { () throws(SystemError) in try file.publish() }
    }
  }
}
