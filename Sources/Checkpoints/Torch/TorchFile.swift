package import ByteIO

/// The tensors of a file that `torch.save` wrote, checked against that file.
///
/// Implements Formats/gradiend-checkpoint.md, section 4.1: a zip archive whose entry `data.pkl`
/// describes tensors over entries `data/0`, `data/1` and so on. Tensors may share bytes.
package struct TorchFile: Equatable, Sendable {
  /// In the order of the pickled dictionary, each name once.
  package let tensors: [TensorDescriptor]

  /// Reads the archive that `file` is from its first byte to its last.
  ///
  /// - Throws: ``FormatError`` at the record, the opcode or the entry that is wrong.
  /// - Complexity: O(n log n) in the number of entries and the length of the pickle; no tensor is
  ///   read.
  package init(parsing file: RawSpan) throws(FormatError) {
    guard file.hasBytes(of: "PK") else {
      throw FormatError(
        offset: 0,
        reason: .notThisFormat(
          ForeignFile.describe(file, expected: .torch)
            ?? "this is not a file of torch.save, which is a zip archive"))
    }
    let archive = try ZipArchive(parsing: file)
    let folder = try Self.folder(of: archive)
    try Self.checkMembers(archive, in: folder, of: file)
    guard let pickle = archive[folder + "data.pkl"] else {
      throw .corrupt("the archive has no data.pkl", at: 0)
    }
    let described: [(name: String, tensor: TorchTensor)]
    do {
      described = try PickleMachine.run(file.extracting(pickle.byteRange))
    } catch {
      throw error.shifted(by: pickle.byteRange.lowerBound)
    }
    var tensors: [TensorDescriptor] = []
    var storages: [String: TorchStorage] = [:]
    for (name, tensor) in described {
      let storage = tensor.storage
      guard let entry = archive[folder + "data/" + storage.key] else {
        throw .corrupt(
          "tensor '\(name)' lies in storage '\(storage.key)', which the archive has not",
          at: pickle.byteRange.lowerBound)
      }
      guard storage.elementType.byteCount(of: [storage.elementCount]) == entry.byteRange.count,
        storages.updateValue(storage, forKey: storage.key) ?? storage == storage
      else {
        throw .corrupt(
          "storage '\(storage.key)' of tensor '\(name)' takes \(entry.byteRange.count) bytes, not "
            + "those of \(storage.elementCount) elements of \(storage.elementType.name)",
          at: entry.byteRange.lowerBound)
      }
      guard let width = storage.elementType.elementByteCount else {
        throw .unsupported(
          "elements of \(storage.elementType.name)", at: entry.byteRange.lowerBound)
      }
      // In bounds: the machine has compared the tensor with its storage.
      let start = entry.byteRange.lowerBound + tensor.firstElement * width
      tensors.append(
        TensorDescriptor(
          name: name, elementType: storage.elementType, shape: tensor.shape,
          byteRange: start..<start + tensor.elementCount * width))
    }
    self.tensors = tensors
  }

  /// The one folder that all entries lie in. It is named after the file as it was saved.
  private static func folder(of archive: ZipArchive) throws(FormatError) -> String {
    let folder =
      (archive.entries.first.flatMap { Folder.components(of: $0.name).first } ?? "") + "/"
    guard archive.entries.allSatisfy({ $0.name.utf8.starts(with: folder.utf8) }),
      !archive.entries.isEmpty
    else {
      throw FormatError(
        offset: 0, reason: .notThisFormat("this is a zip archive, but torch.save did not write it"))
    }
    return folder
  }

  /// Checks what the archive says of itself.
  private static func checkMembers(
    _ archive: ZipArchive, in folder: String, of file: RawSpan
  ) throws(FormatError) {
    if let constants = archive[folder + "constants.pkl"] {
      throw .unsupported(
        "this is a TorchScript program, not a dictionary of tensors",
        at: constants.byteRange.lowerBound)
    }
    // Older versions of torch do not write it, and mean little.
    if let order = archive[folder + "byteorder"] {
      let bytes = file.extracting(order.byteRange)
      guard bytes.byteCount == 6, bytes.hasBytes(of: "little") else {
        throw .unsupported(
          "the file's byte order is not 'little'; save it again on another machine",
          at: order.byteRange.lowerBound)
      }
    }
    guard let version = archive[folder + "version"] else {
      throw .corrupt("the archive has no version", at: 0)
    }
    let text = String(decoding: file.extracting(version.byteRange).array.prefix(8), as: UTF8.self)
    guard let number = Int(text.prefix { $0 != "\n" }), (1...10).contains(number) else {
      throw .unsupported(
        "the archive's version is '\(text.prefix { $0 != "\n" })', not 1 to 10",
        at: version.byteRange.lowerBound)
    }
  }
}
