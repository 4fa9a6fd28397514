package import ByteIO

/// What the files of a checkpoint are besides the bytes of its tensors, and where these lie
/// (Formats/patch.md, section 8).
package struct CheckpointLayout: Sendable {
  package struct File: Sendable {
    package let byteCount: Int
    /// In the order of their bytes.
    package let tensors: [TensorDescriptor]
    /// The bytes that belong to no tensor, ascending: the header, what lies between tensors, and
    /// what comes after the last.
    package let otherByteRanges: [Range<Int>]
    /// What lies there.
    package let otherBytes: [UInt8]
    /// Tensors whose bytes are among these: ``Checkpoint/settingAside(_:)``.
    package let setAside: [TensorDescriptor]
  }

  package let files: [File]

  /// The layout of `checkpoint`.
  ///
  /// - Complexity: O(bytes that belong to no tensor).
  package init(_ checkpoint: Checkpoint) {
    files = checkpoint.files.enumerated().map { number, file in
      var bytes: [UInt8] = []
      for range in file.otherByteRanges { bytes += file.mapped.bytes.extracting(range).array }
      return File(
        byteCount: file.mapped.byteCount, tensors: file.tensors,
        otherByteRanges: file.otherByteRanges, otherBytes: bytes,
        setAside: checkpoint.setAside.filter { $0.fileIndex == number }.map(\.descriptor))
    }
  }

  /// Every tensor and where it goes, file by file.
  package var tensors: [StoredTensor] {
    files.enumerated().flatMap { index, file in
      file.tensors.map { StoredTensor(descriptor: $0, fileIndex: index) }
    }
  }

  // MARK: As bytes

  /// The stored form.
  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    for file in files {
      bytes.appendLittleEndian(UInt64(file.byteCount))
      bytes.appendLittleEndian(UInt64(file.otherBytes.count))
      bytes += file.otherBytes
    }
    return bytes
  }

  /// Reads the stored form, and each file's header as strictly as when the file is opened.
  ///
  /// - Parameters:
  ///   - bytes: the stored form.
  ///   - names: of tensors whose bytes are among those that belong to none.
  /// - Throws: ``FormatError``, its offset that of `bytes`.
  /// - Complexity: O(`bytes.byteCount`).
  package init(
    parsing bytes: RawSpan, settingAside names: Set<String> = []
  ) throws(FormatError) {
    var reader = ByteReader(bytes)
    var files: [File] = []
    while !reader.isAtEnd {
      let start = reader.position
      do throws(FormatError) {
        files.append(try Self.readFile(&reader, settingAside: names))
      } catch {
        throw .corrupt("file \(files.count + 1) of a layout: \(error)", at: start)
      }
    }
    self.files = files
  }

  private static func readFile(
    _ reader: inout ByteReader, settingAside names: Set<String>
  ) throws(FormatError) -> File {
    let stated = try reader.read(UInt64.self)
    let otherCount = try reader.read(UInt64.self)
    guard let byteCount = Int(exactly: stated), let otherCount = Int(exactly: otherCount) else {
      throw .corrupt("it claims \(stated) bytes, \(otherCount) of them besides tensors", at: 0)
    }
    let bytes = try reader.readBytes(otherCount)
    let all = try ContainerHeader(parsing: bytes, fileByteCount: byteCount).tensors
    let tensors = all.filter { !names.contains($0.name) }
    let ranges = gaps(between: tensors, upTo: byteCount)
    let expected = ranges.reduce(0) { $0 + $1.count }
    guard expected == otherCount else {
      throw .corrupt(
        "its tensors leave \(expected) bytes, but \(otherCount) are there", at: 0)
    }
    return File(
      byteCount: byteCount, tensors: tensors, otherByteRanges: ranges, otherBytes: bytes.array,
      setAside: all.filter { names.contains($0.name) })
  }

  /// What tensors, in the order of their bytes, leave of a file.
  static func gaps(between tensors: [TensorDescriptor], upTo end: Int) -> [Range<Int>] {
    var gaps: [Range<Int>] = []
    var position = 0
    for range in tensors.map(\.byteRange) where !range.isEmpty {
      if position < range.lowerBound { gaps.append(position..<range.lowerBound) }
      position = range.upperBound
    }
    if position < end { gaps.append(position..<end) }
    return gaps
  }
}

extension Checkpoint {
  /// Whether the files of `other` are those of this checkpoint but for the bytes of tensors.
  ///
  /// - Complexity: O(bytes that belong to no tensor).
  package func hasSameLayout(as other: Checkpoint) -> Bool {
    guard hasSameFiles(as: other) else { return false }
    return zip(files, other.files).allSatisfy { mine, others in
      mine.otherByteRanges == others.otherByteRanges
        && mine.tensors == others.tensors
        && mine.otherByteRanges.allSatisfy { range in
          mine.mapped.hasSameBytes(in: range, as: others.mapped, in: range)
        }
    }
  }

  /// Whether each file of `other` holds the tensors of a file here. Those of a folder are the same by
  /// name: other files of the folder, an index of shards say, name them.
  package func hasSameFiles(as other: Checkpoint) -> Bool {
    guard files.count == other.files.count, isFolder == other.isFolder || !isFolder else {
      return false
    }
    return zip(files, other.files).allSatisfy { mine, others in
      (mine.name == others.name || !isFolder)
        && Set(mine.tensors.map(\.name)) == Set(others.tensors.map(\.name))
    }
  }
}
