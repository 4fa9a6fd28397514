internal import ByteIO
internal import Checkpoints
internal import Gradiend
internal import PatchFormat

/// A tensor of a base whose chunks are all coded, and what was measured of them.
struct EncodedTensor: Sendable {
  var name: String
  var elementType: ElementType
  var shape: [Int]
  var digests: (base: Digest128, result: Digest128)
  /// How many elements differ.
  var changedCount = 0
  /// How many bytes of the deltas are its.
  var byteCount = 0
  /// Elements that are NaN or infinite only in the result.
  var nonFiniteCount = 0
  /// What its update errs; 0 in an exact patch.
  var relativeError = 0.0
  /// What rounding keeps of what was to be added to it.
  var rounding = RoundingSums()
  /// Set if a converter may leave out rows.
  var kept: PatchIndex.KeptRows?

  var elementCount: Int { shape.reduce(1, *) }
}

/// Of all tensors of a patch in the order of the base, or of those of a share.
extension [EncodedTensor] {
  /// The digest of all, as the base has them and as the result does.
  var totals: (base: Digest128, result: Digest128) {
    (
      TensorDigest.combine(map { ($0.name, $0.elementType, $0.shape, $0.digests.base) }),
      TensorDigest.combine(map { ($0.name, $0.elementType, $0.shape, $0.digests.result) })
    )
  }

  /// As an index lists them.
  var indexed: [PatchIndex.Tensor] {
    var end = 0
    return map { tensor in
      var change: PatchIndex.Change?
      if tensor.changedCount > 0 {
        change = PatchIndex.Change(
          elementCount: tensor.changedCount, resultDigest: tensor.digests.result.digest32,
          byteRange: end..<end + tensor.byteCount)
        end += tensor.byteCount
      }
      return PatchIndex.Tensor(
        name: tensor.name, elementType: tensor.elementType, shape: tensor.shape,
        baseDigest: tensor.digests.base.digest32, change: change, kept: tensor.kept)
    }
  }

  var elementCount: Int { reduce(0) { $0 + $1.elementCount } }

  /// How many differ in the result.
  var changedTensorCount: Int { count { $0.changedCount > 0 } }

  /// How many of their elements do.
  var changedElementCount: Int { reduce(0) { $0 + $1.changedCount } }

  var nonFiniteCount: Int { reduce(0) { $0 + $1.nonFiniteCount } }

  /// The largest.
  var relativeError: Double { reduce(0) { Swift.max($0, $1.relativeError) } }

  /// Of those that something was to be added to.
  var roundings: [(tensor: String, sums: RoundingSums)] {
    compactMap { $0.rounding.meantSquares > 0 ? ($0.name, $0.rounding) : nil }
  }

  /// Of all together, added in their order.
  var rounding: RoundingSums { roundings.reduce(RoundingSums()) { $0.adding($1.sums) } }
}
