package import ByteIO
package import Checkpoints
internal import PatchFormat

/// The checkpoint that an operation writes: files in the image of its input's.
///
/// A file becomes a file, a split set a split set, and a folder a folder with the same names. The
/// bytes that belong to no tensor come with the layout; only tensors' bytes are written here.
package struct CheckpointOutput: TensorSink {
  package let path: String
  private let target: Target
  private let files: [WritableFile]
  /// What comes from the input's folder besides.
  private let companions: [String]
  /// Where each tensor of the input goes, by its name.
  private let places: [String: StoredTensor]

  private enum Target: Sendable {
    case files([OutputFile])
    case folder(OutputFolder)
  }

  /// The paths of what will be made: of a split set each file, named by its first one.
  ///
  /// - Throws: ``PatchError`` of kind `usage` if `path` cannot name a split set like the input's.
  package static func paths(_ path: String, for input: Checkpoint) throws(PatchError) -> [String] {
    guard !input.isFolder, input.files.count > 1 else { return [path] }
    let count = input.files.count
    guard let name = GGUFSplitName(path), name.number == 1, name.count == count else {
      throw PatchError(
        .usage, path: path, "the input is a split set of \(count) files, and so is the output",
        remedy: "name its first file: NAME\(GGUFSplitName.ending(1, of: count))")
    }
    return (1...count).map { name.path(number: $0) }
  }

  /// Makes the temporary files, reserves their space and writes what belongs to no tensor. Each has the
  /// permissions of its input, as far as the user's mask allows.
  ///
  /// - Parameters:
  ///   - path: a folder for a folder, else a file.
  ///   - input: the checkpoint whose tensors will be written.
  ///   - layout: that of the output, with as many files and the tensors of the input.
  ///   - overwrites: whether `path` may exist.
  ///   - synchronises: see ``OutputFile``.
  /// - Throws: ``PatchError`` if the output exists, cannot be made or has no room.
  package init(
    _ path: String, for input: Checkpoint, layout: CheckpointLayout, overwrites: Bool,
    synchronises: Bool
  ) throws(PatchError) {
    self.path = path
    places = Dictionary(uniqueKeysWithValues: layout.tensors.map { ($0.name, $0) })
    companions = try CompanionFiles.names(of: input)
    if overwrites { try Self.checkReplaceable(path, for: input, companions) }
    if input.isFolder {
      let folder = try PatchError.writing(path) { () throws(SystemError) in
        try OutputFolder(
          path: path, overwrites: overwrites,
          permissions: FileStatus(path: input.path).permissions, synchronises: synchronises)
      }
      target = .folder(folder)
      files = try input.files.map { (file) throws(PatchError) in
        try PatchError.writing(path) { () throws(SystemError) in
          try folder.createFile(file.name, permissions: file.mapped.permissions)
        }
      }
    } else {
      let paths = try Self.paths(path, for: input)
      let outputs = try zip(paths, input.files).map { (path, file) throws(PatchError) in
        try PatchError.writing(path) { () throws(SystemError) in
          try OutputFile(
            path: path, overwrites: overwrites, permissions: file.mapped.permissions,
            synchronises: synchronises)
        }
      }
      target = .files(outputs)
      files = outputs.map(\.contents)
    }
    for (file, source) in zip(files, layout.files) {
      try PatchError.writing(path) { () throws(SystemError) in try file.begin(as: source) }
    }
  }

  /// - Throws: ``PatchError`` if what is at `path` must not be replaced by an output for `input`.
  static func checkReplaceable(
    _ path: String, for input: Checkpoint, _ companions: [String]
  ) throws(PatchError) {
    if let status = try? FileStatus(path: path), status.isFolder != input.isFolder {
      throw PatchError(
        .cannotCreate, path: path,
        input.isFolder
          ? "there is a file of this name, but the output is a folder"
          : "there is a folder of this name, but the output is a file")
    }
    guard input.isFolder else { return }
    let names = input.files.map(\.name) + companions
    try ReplacedFolder.check(path, holdsOnly: names + ReplacedFolder.weights(in: path))
  }

  /// Writes bytes of a tensor of the input.
  package func write(_ bytes: RawSpan, to tensor: StoredTensor, at offset: Int) throws(PatchError) {
    let place = places[tensor.name] ?? tensor
    let start = place.descriptor.byteRange.lowerBound
    try PatchError.writing(path) { () throws(SystemError) in
      try files[place.fileIndex].write(bytes, at: start + offset)
    }
  }

  /// Adds what a folder holds besides weights, so that the output loads as it is.
  package func copyCompanions(of input: Checkpoint) throws(PatchError) {
    guard case .folder(let folder) = target else { return }
    try Self.copy(companions, of: input, to: folder, path)
  }

  /// Copies files of the folder of `input` to a folder that is made for `path`.
  static func copy(
    _ companions: [String], of input: Checkpoint, to folder: OutputFolder, _ path: String
  ) throws(PatchError) {
    for name in companions {
      let source = Folder.join(input.path, name)
      let file = try PatchError.opening { () throws(CheckpointError) in
        try CheckpointError.attributing(source) { () throws(SystemError) in
          try MappedFile(path: source)
        }
      }
      try PatchError.writing(path) { () throws(SystemError) in
        try folder.createFile(name, permissions: file.permissions).write(file.bytes, at: 0)
      }
    }
  }

  /// The files as they are, before they have their names.
  package func written() throws(PatchError) -> [MappedFile] {
    try files.map { (file) throws(PatchError) in
      try PatchError.writing(path) { () throws(SystemError) in try MappedFile(path: file.path) }
    }
  }

  /// Gives the output its name, once all of it is on the disk.
  package func publish() throws(PatchError) {
    try PatchError.writing(path) { () throws(SystemError) in
      switch target {
      case .files(let files): try OutputFile.publish(files)
      case .folder(let folder): try folder.publish()
      }
    }
  }
}

extension WritableFile {
  /// Reserves the space of a file that has this layout, and writes what belongs to no tensor.
  func begin(as layout: CheckpointLayout.File) throws(SystemError) {
    try reserve(layout.byteCount)
    var position = 0
    for range in layout.otherByteRanges {
      let bytes = layout.otherBytes.rawSpan.extracting(position..<position + range.count)
      try write(bytes, at: range.lowerBound)
      position += range.count
    }
  }
}
