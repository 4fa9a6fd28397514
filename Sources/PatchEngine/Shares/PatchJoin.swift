package import ByteIO
internal import Checkpoints
internal import PatchFormat

/// Makes a patch of the pieces of all shares: the one that a single process makes.
package struct PatchJoin {
  private let shares: ShareSet
  private let pieces: [PatchPiece]
  private let subject: PatchSubject
  /// Where each file of the base is in the pieces, in the order of the base.
  private let places: [(piece: Int, file: PatchPiece.File, byteRange: Range<Int>)]

  /// Opens the pieces, and checks that they are those of one run, and all of them.
  ///
  /// - Throws: ``PatchError`` naming the piece that is missing, doubled, damaged or of another run.
  package init(_ paths: [String], programVersion: String) throws(PatchError) {
    let shares = try ShareSet(
      paths.map { (path) throws(PatchError) in
        try PatchError.opening { () throws(CheckpointError) in try ShareFile(path: path) }
      }, .piece)
    self.shares = shares
    let first = shares.files[0]
    let version = first.header.agreed.first { $0.key == "program_version" }?.value
    guard version == programVersion else {
      throw PatchError(
        .badInput, path: first.path,
        "this piece was written by version \(version ?? "?") of gradiend-patch, this is "
          + programVersion, remedy: "use one version for all steps")
    }
    pieces = try shares.files.map { (file) throws(PatchError) in
      do {
        return try PatchPiece(
          parsing: file.table.rawSpan, deltasByteCount: file.deltasByteRange.count)
      } catch {
        throw PatchError(.badInput, path: file.path, "the piece's index: \(error)")
      }
    }
    places = try Self.places(shares.files, pieces)
    let (files, readings) = (shares.files, pieces.map(\.readings))
    subject = try PatchSubject(
      parsing: files[0].header.agreed, at: files[0].path,
      fileNames: places.map(\.file.base.name)
    ) { (number, byteCounts) throws(PatchError) in
      try Self.gradiendDigest(number, byteCounts, readings, files)
    }
    try check()
  }

  /// What is read.
  package var inputs: [MappedFile] { shares.files.map(\.file) }

  private static func places(
    _ files: [ShareFile], _ pieces: [PatchPiece]
  ) throws(PatchError) -> [(piece: Int, file: PatchPiece.File, byteRange: Range<Int>)] {
    var places: [(piece: Int, file: PatchPiece.File, byteRange: Range<Int>)] = []
    for (index, piece) in pieces.enumerated() {
      var end = files[index].deltasByteRange.lowerBound
      for file in piece.files {
        places.append((index, file, end..<end + file.byteCount))
        end += file.byteCount
      }
    }
    places.sort { $0.file.number < $1.file.number }
    for (number, place) in places.enumerated() where place.file.number != number {
      throw PatchError(
        .badInput, path: files[place.piece].path,
        "the pieces have the base's file \(place.file.number + 1), '\(place.file.base.name)', where file "
          + "\(number + 1) should be", remedy: "run all shares again")
    }
    return places
  }

  /// Counts that metadata state are those of what is there; so no number below is more than there are
  /// bytes for.
  private func check() throws(PatchError) {
    var (tensorCount, elementCount, names) = (0, 0, Set<String>())
    for place in places {
      tensorCount += place.file.tensors.count
      for tensor in place.file.tensors {
        guard names.insert(tensor.name).inserted else {
          throw damaged(place.piece, "tensor '\(tensor.name)' is there twice")
        }
        guard let sum = elementCount.plus(tensor.elementCount) else {
          throw damaged(place.piece, "there are more elements than can be counted")
        }
        elementCount = sum
      }
    }
    guard tensorCount == subject.tensorCount, elementCount == subject.elementCount else {
      throw damaged(
        0,
        "the pieces' metadata state \(subject.tensorCount) tensors of \(subject.elementCount) elements, "
          + "they hold \(tensorCount) of \(elementCount)")
    }
    if case .gradiend(let updates, _) = subject.source {
      for (number, update) in updates.enumerated() {
        let other = updates[..<number].firstIndex { $0.gradiendDigest == update.gradiendDigest }
        guard let other else { continue }
        throw PatchError(
          .usage, path: shares.files[0].path,
          "GRADIEND \(number + 1) is the same as GRADIEND \(other + 1), under whatever name",
          remedy: PatchMetadata.Update.repeatedRemedy)
      }
    }
    guard subject.hasLayouts == (shares.files[0].layouts != nil) else {
      throw damaged(0, "the layouts are missing, or nobody asked for them")
    }
  }

  private func damaged(_ piece: Int, _ message: String) -> PatchError {
    PatchError(
      .badInput, path: shares.files[piece].path, message, remedy: "run this share again")
  }

  /// The digest of a GRADIEND, from those of the pieces that the shares read. Some are read by more than
  /// one share, which then agree if it is the same GRADIEND.
  private static func gradiendDigest(
    _ number: Int, _ byteCounts: [Int], _ readings: [[GradiendReading]], _ files: [ShareFile]
  ) throws(PatchError) -> Digest128 {
    var found: [Int: (digest: Digest128, file: Int)] = [:]
    for (index, reading) in readings.enumerated() {
      guard number < reading.count else {
        throw PatchError(
          .badInput, path: files[index].path, "the piece has nothing of GRADIEND \(number + 1)",
          remedy: "run this share again")
      }
      for (piece, digest) in reading[number].digests {
        guard let other = found.updateValue((digest, index), forKey: piece) else { continue }
        guard other.digest == digest else {
          throw PatchError(
            .badInput, path: files[index].path,
            "this piece is of another run than \(files[other.file].path): the bytes of GRADIEND "
              + "\(number + 1) were others", remedy: "run the shares with one GRADIEND")
        }
      }
    }
    // The sum of what may be any numbers.
    let count = byteCounts.reduce(Int?(0)) { sum, byteCount in
      byteCount < 0 ? nil : sum?.plus(GradiendDigest.pieceCount(byteCount))
    }
    guard count == found.count,
      found.keys.max().map({ $0 == found.count - 1 }) ?? true
    else {
      throw PatchError(
        .badInput, path: files[0].path,
        "the pieces do not hold the digests of all bytes of GRADIEND \(number + 1)",
        remedy: "run all shares again")
    }
    return GradiendDigest.combine(
      (0..<found.count).compactMap { found[$0]?.digest }, byteCounts)
  }
}

extension PatchJoin {
  /// Copies the deltas, and writes the patch.
  ///
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the pieces), few of which are in memory.
  package func run(
    _ output: String, overwrites: Bool, _ execution: Execution
  ) throws(PatchError) -> PatchSummary {
    var writer = try subject.begin(output, overwrites: overwrites)
    let byteCount = places.reduce(0) { $0 + $1.byteRange.count }
    var (bytesDone, tensorsDone) = (0, 0)
    let digests = pieces.map { _ in RunningDigest128() }
    for place in places {
      try shares.files[place.piece].file.forEachPiece(of: place.byteRange) {
        (bytes) throws(PatchError) in
        try execution.cancellation?.check()
        // One copy of each goes into patch and digest, so that they agree whatever becomes of the file.
        let copy = bytes.array
        digests[place.piece].update(copy.rawSpan)
        try PatchError.writing(output) { () throws(SystemError) in
          try writer.append(copy.rawSpan)
        }
        bytesDone += copy.count
        execution.progress?(
          OperationProgress(
            tensorsDone: tensorsDone, tensorCount: subject.tensorCount, bytesDone: bytesDone,
            byteCount: byteCount))
      }
      tensorsDone += place.file.tensors.count
    }
    for (index, file) in shares.files.enumerated()
    where digests[index].finish() != file.deltasDigest {
      throw damaged(index, "the piece's deltas are damaged")
    }
    let encoding = PatchEncoding(
      tensors: places.flatMap(\.file.tensors), baseFiles: places.map(\.file.base),
      resultFiles: places.map(\.file.result), layouts: shares.files[0].layouts)
    var summary = try subject.finish(encoding, &writer, output)
    summary.notes = pieces.flatMap(\.notes).uniqued + summary.notes
    return summary
  }
}
