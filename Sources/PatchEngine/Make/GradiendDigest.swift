internal import ByteIO
internal import Checkpoints
package import Gradiend
internal import PatchFormat

/// The digest of what determines a GRADIEND's update (Formats/patch.md, section 7).
package struct GradiendDigest: CustomStringConvertible {
  private let digest: Digest128

  /// Reads the vectors that `part` needs, on all threads.
  package init(_ gradiend: GradiendCheckpoint, part: UpdatePart, _ execution: Execution)
    throws(PatchError)
  {
    let parts = gradiend.determiningBytes(part: part)
    let pieces = parts.enumerated().flatMap { index, part in
      stride(from: part.range.lowerBound, to: part.range.upperBound, by: TensorChunks.byteLimit)
        .map { start in
          (part: index, range: start..<min(start + TensorChunks.byteLimit, part.range.upperBound))
        }
    }
    let digests = ChunkDigests(count: pieces.count)
    try execution.forEach(pieces.count) { (number) throws(PatchError) in
      let file = parts[pieces[number].part].file
      let digest = Digest128(of: file.bytes.extracting(pieces[number].range))
      file.releasePages(in: pieces[number].range)
      digests.record(digest, of: number)
    }
    let finished = digests.all
    digest = TensorDigest.combine(
      parts.indices.map { part in
        TensorDigest.combine(pieces.indices.filter { pieces[$0].part == part }.map { finished[$0] })
      })
  }

  package var description: String { "\(digest)" }
}
