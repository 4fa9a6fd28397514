/// What is expected of an element by its bits on one side of a patch, levels included.
struct SparseSide {
  let weight: Int64
  /// The class of its odds, if it is looked at.
  let flag: Int
  /// The context of its steps; see ``CrossingModel``.
  let context: Int
  /// In 65,536ths: the probabilities that it changes, if it is looked at; that a change of it crosses; and that a
  /// crossing is near.
  let changeShare: UInt32
  let crossingShare: UInt32
  let nearShare: UInt32

  @inline(__always)
  var isLikely: Bool { weight == GapModel.likelyWeight }

  /// The part of the weight, from its start on, that tells a crossing.
  @inline(__always)
  var crossingWeight: Int64 { max((weight &* Int64(crossingShare)) >> 16, 1) }

  /// The parts of an interval of flags, from its start on, that tell a change and a crossing.
  @inline(__always)
  func flagBounds(in width: UInt64) -> (change: UInt64, crossing: UInt64) {
    let change = AdaptiveBits.bound(in: width, changeShare)
    return (change, AdaptiveBits.bound(in: change, crossingShare))
  }

  /// The part of an interval of crossings, from its start on, that tells a near one.
  @inline(__always)
  func nearBound(in width: UInt64) -> UInt64 { AdaptiveBits.bound(in: width, nearShare) }
}

/// A change, and where it is told: in the parts of intervals that mean it to either side.
///
/// So both directions read the same bits, though each expects other things of them
/// (Formats/delta-coding.md, "Two sides").
struct SparseChange {
  let step: ChangeStep
  let base: SparseSide
  let result: SparseSide

  /// The part of the weight of an unlikely element; nil where both sides are looked at.
  @inline(__always)
  var weights: (from: Int64, width: Int64)? {
    guard step != .within else {
      // The exponent is the same, and so is the weight.
      guard !base.isLikely else { return nil }
      let from = max(base.crossingWeight, result.crossingWeight)
      return (from, base.weight &- from)
    }
    let ofBase = base.isLikely ? Int64.max : base.crossingWeight
    let width = result.isLikely ? ofBase : min(ofBase, result.crossingWeight)
    return width < .max ? (0, width) : nil
  }

  /// The part of an interval of flags; nil where neither side is looked at.
  @inline(__always)
  func flags(in width: UInt64) -> (from: UInt64, to: UInt64)? {
    let ofBase = base.flagBounds(in: width)
    let ofResult = result.flagBounds(in: width)
    guard step != .within else {
      return base.isLikely ? (max(ofBase.crossing, ofResult.crossing), ofBase.change) : nil
    }
    let least = base.isLikely ? ofBase.crossing : .max
    let to = result.isLikely ? min(least, ofResult.crossing) : least
    return to < .max ? (0, to) : nil
  }

  /// The part of an interval of crossings; nil for a step within a binade.
  @inline(__always)
  func crossings(in width: UInt64) -> (from: UInt64, to: UInt64)? {
    let bounds = (base.nearBound(in: width), result.nearBound(in: width))
    return switch step {
    case .within: nil
    case .near: (0, min(bounds.0, bounds.1))
    case .wide: (max(bounds.0, bounds.1), width)
    }
  }

  /// Settles what was told of the change: by flags if a side is looked at, and which crossing it is.
  @inline(__always)
  func settle<Coder: BinaryCoder & ~Copyable>(flags: inout Coder, crossings: inout Coder) {
    if let part = self.flags(in: flags.width) { flags.narrow(from: part.from, to: part.to) }
    if let part = self.crossings(in: crossings.width) {
      crossings.narrow(from: part.from, to: part.to)
    }
  }
}
