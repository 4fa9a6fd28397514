internal import ByteIO

/// The files that make up a model which `gguf-split` cut (Formats/gguf.md, section 5).
enum GGUFSplitSet {
  private static let numberKey = "split.no"
  private static let countKey = "split.count"
  private static let tensorCountKey = "split.tensors.count"

  /// All files of the set whose first file is `first`, or just that one if it is whole.
  ///
  /// - Throws: ``CheckpointError`` naming the file that is missing or does not belong.
  static func files(
    from first: Checkpoint.File, header: GGUFHeader
  ) throws(CheckpointError) -> [Checkpoint.File] {
    let path = first.mapped.path
    guard let value = header[countKey] else { return [first] }
    guard let count = value.integer(.uint16) else {
      throw CheckpointError(path: path, .inconsistent("\(countKey) must be a u16, found \(value)"))
    }
    guard count > 1 else { return [first] }
    guard let name = GGUFSplitName(path), name.count == count else {
      throw CheckpointError(
        path: path,
        .inconsistent(
          "this is one of \(count) files of a split set, so its name must end in "
            + GGUFSplitName.ending(1, of: count)))
    }
    guard name.number == 1 else { throw notFirst(name, path) }
    try checkNumber(header, is: 0, path)
    var files = [first]
    for number in 2...count { files.append(try file(number, of: name)) }
    let tensorCount = files.reduce(0) { $0 + $1.tensors.count }
    guard let stated = header[tensorCountKey]?.integer(.int32), stated == tensorCount else {
      let stated = header[tensorCountKey].map { "\($0)" } ?? "nothing"
      throw CheckpointError(
        path: path,
        .inconsistent(
          "\(tensorCountKey) says \(stated), but the \(count) files hold \(tensorCount) tensors"))
    }
    return files
  }

  private static func file(
    _ number: Int, of name: GGUFSplitName
  ) throws(CheckpointError) -> Checkpoint.File {
    let path = name.path(number: number)
    guard FileStatus.exists(path) else {
      throw CheckpointError(
        path: path,
        .inconsistent("file \(number) of the split set of \(name.count) files is missing"))
    }
    let file = try Checkpoint.File(Folder.lastComponent(of: path), at: path)
    guard case .gguf(let header) = file.container else {
      throw CheckpointError(path: path, .inconsistent("this is not a GGUF file"))
    }
    try checkNumber(header, is: number - 1, path)
    return file
  }

  /// Numbers in files start from 0, those in names from 1.
  private static func checkNumber(
    _ header: GGUFHeader, is expected: Int, _ path: String
  ) throws(CheckpointError) {
    guard header[numberKey]?.integer(.uint16) == expected else {
      let found = header[numberKey].map { "\($0)" } ?? "missing"
      throw CheckpointError(
        path: path,
        .inconsistent(
          "\(numberKey) is \(found), but this is where file \(expected) of the split set must be, "
            + "counted from 0"))
    }
  }

  private static func notFirst(_ name: GGUFSplitName, _ path: String) -> CheckpointError {
    let first = name.path(number: 1)
    let state = FileStatus.exists(first) ? "" : ", which is missing"
    return CheckpointError(
      path: path,
      .inconsistent(
        "this is file \(name.number) of a split set; name its first file, \(first)\(state)"))
  }
}
