internal import ByteIO
internal import Checkpoints
internal import Gradiend
internal import PatchFormat

/// The digest of what determines a GRADIEND's update (Formats/patch.md, section 7).
struct GradiendDigest: CustomStringConvertible {
  private let digest: Digest128

  init(_ gradiend: GradiendCheckpoint, part: UpdatePart) {
    digest = TensorDigest.combine(
      gradiend.determiningBytes(part: part).map { file, range in
        TensorDigest.ofPieces(file, range)
      })
  }

  var description: String { "\(digest)" }
}
