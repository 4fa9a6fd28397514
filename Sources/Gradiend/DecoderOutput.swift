internal import ByteIO
internal import Checkpoints

/// The vector `learning rate · part` of a GRADIEND, computed piece by piece from its mapped weights.
///
/// All arithmetic is in single precision, in the order of the reference package
/// (Formats/gradiend-checkpoint.md, section 6).
package struct DecoderOutput: Sendable {
  package let gradiend: GradiendCheckpoint
  package let part: UpdatePart
  package let featureFactors: [Float]
  package let learningRate: Float

  /// Entries computed at a time: their floats stay in the first-level cache.
  static let blockLength = 4096

  /// How many values ``compute(_:from:into:scratch:)`` wants room for: enough for a block of entries,
  /// or for a part of one where there are many latents.
  static func scratchLength(latentCount: Int) -> Int { blockLength * min(latentCount, 16) }

  /// What each row of the weight is multiplied by where it is summed.
  private let rowFactors: [Float]
  private let weight: Source?
  private let bias: Source?

  /// A vector of the checkpoint and how it is stored.
  private struct Source: Sendable {
    let file: MappedFile
    let start: Int
    let storage: FloatStorage
    /// The type that the reference converts the vector to when it loads it.
    let working: FloatStorage

    init?(_ name: GradiendCheckpoint.TensorName, of gradiend: GradiendCheckpoint) {
      guard let tensor = gradiend.tensor(name),
        let storage = FloatStorage(tensor.elementType),
        let working = FloatStorage(gradiend.configuration.elementType)
      else { return nil }
      file = gradiend.weights.file
      start = tensor.byteRange.lowerBound
      self.storage = storage
      self.working = working
    }

    func releasePages(_ positions: Range<Int>) {
      file.releasePages(
        in: start + positions.lowerBound * storage.byteWidth..<start + positions.upperBound
          * storage.byteWidth)
    }

    /// Reads `count` values from position `first` on.
    func read(_ count: Int, from first: Int, into values: inout MutableSpan<Float>) {
      storage.widen(
        file.bytes, at: start + first * storage.byteWidth, count: count, into: &values)
      if storage != working { working.round(&values, count: count) }
    }
  }

  /// - Precondition: `featureFactors` has one value for each latent where `part` is `decoder`; a
  ///   part that needs one latent has one.
  package init(
    _ gradiend: GradiendCheckpoint, part: UpdatePart, featureFactors: [Float], learningRate: Float
  ) {
    precondition(part != .decoder || featureFactors.count == gradiend.configuration.latentCount)
    self.gradiend = gradiend
    self.part = part
    self.featureFactors = featureFactors
    self.learningRate = learningRate
    rowFactors =
      part == .decoderSum
      ? Array(repeating: 1, count: gradiend.configuration.latentCount) : featureFactors
    weight =
      switch part {
      case .decoder, .decoderWeight, .decoderSum: Source(.decoderWeight, of: gradiend)
      case .encoderWeight: Source(.encoderWeight, of: gradiend)
      case .decoderBias: nil
      }
    bias =
      switch part {
      case .decoder, .decoderBias, .decoderSum: Source(.decoderBias, of: gradiend)
      case .decoderWeight, .encoderWeight: nil
      }
  }

  /// Computes `count` entries from `first` on.
  ///
  /// - Parameters:
  ///   - count: at most ``blockLength``.
  ///   - first: position among all entries of the GRADIEND.
  ///   - values: receives the entries; what it holds beyond `count` is left alone.
  ///   - scratch: room for at least ``scratchLength(latentCount:)`` values.
  /// - Complexity: O(`count · latentCount`).
  func compute(
    _ count: Int, from first: Int, into values: inout MutableSpan<Float>,
    scratch: inout MutableSpan<Float>
  ) {
    precondition(count <= values.count && count <= Self.blockLength)
    let working = FloatStorage(gradiend.configuration.elementType) ?? .float32
    switch part {
    case .decoder where featureFactors.count == 1:
      weight?.read(count, from: first, into: &values)
      scale(&values, by: featureFactors[0], count: count)
      addBias(count, from: first, to: &values, scratch: &scratch)
      activate(&values, count: count)
    case .decoder:
      // The sum of -0 and a product is that product, whatever its sign.
      for index in 0..<count { values[index] = -0.0 }
      addProducts(count, from: first, to: &values, scratch: &scratch)
      addBias(count, from: first, to: &values, scratch: &scratch)
      activate(&values, count: count)
    case .decoderWeight, .encoderWeight:
      weight?.read(count, from: first, into: &values)
    case .decoderBias:
      if let bias {
        bias.read(count, from: first, into: &values)
      } else {
        for index in 0..<count { values[index] = 0 }
      }
    case .decoderSum:
      for index in 0..<count { values[index] = 0 }
      addProducts(count, from: first, to: &values, scratch: &scratch)
      working.round(&values, count: count)
      addBias(count, from: first, to: &values, scratch: &scratch)
      working.round(&values, count: count)
    }
    scale(&values, by: learningRate, count: count)
    working.round(&values, count: count)
  }

  /// Gives back the memory of the mapped weights of some entries.
  func releasePages(of entries: Range<Int>) {
    let latentCount = gradiend.configuration.latentCount
    weight?.releasePages(entries.lowerBound * latentCount..<entries.upperBound * latentCount)
    bias?.releasePages(entries)
  }

  /// Adds the products of each row of the weight to `values`, from the first latent to the last, each
  /// in one rounding with the sum so far.
  private func addProducts(
    _ count: Int, from first: Int, to values: inout MutableSpan<Float>,
    scratch: inout MutableSpan<Float>
  ) {
    let latentCount = rowFactors.count
    // Where not even one row fits, its sum goes on from part to part.
    let rowCount = max(1, scratch.count / latentCount)
    let width = min(latentCount, scratch.count)
    for row in stride(from: 0, to: count, by: rowCount) {
      let rows = min(rowCount, count - row)
      for latent in stride(from: 0, to: latentCount, by: width) {
        let width = min(width, latentCount - latent)
        weight?.read(
          rows * width, from: (first + row) * latentCount + latent, into: &scratch)
        unsafe values.withUnsafeMutableBufferPointer { sums in
          unsafe scratch.withUnsafeBufferPointer { weights in
            unsafe rowFactors.withUnsafeBufferPointer { factors in
              guard let to = sums.baseAddress, let from = weights.baseAddress,
                let factors = factors.baseAddress
              else { return }
              unsafe Kernels.current.addProducts(from, factors + latent, width, to + row, rows)
            }
          }
        }
      }
    }
  }

  private func addBias(
    _ count: Int, from first: Int, to values: inout MutableSpan<Float>,
    scratch: inout MutableSpan<Float>
  ) {
    guard let bias else { return }
    bias.read(count, from: first, into: &scratch)
    unsafe values.withUnsafeMutableBufferPointer { values in
      unsafe scratch.withUnsafeBufferPointer { summands in
        guard let to = values.baseAddress, let from = summands.baseAddress else { return }
        unsafe Kernels.current.add(from, to, count)
      }
    }
  }

  private func activate(_ values: inout MutableSpan<Float>, count: Int) {
    let activation = gradiend.configuration.activation
    guard activation != .identity else { return }
    for index in 0..<count { values[index] = activation(values[index]) }
  }

  private func scale(_ values: inout MutableSpan<Float>, by factor: Float, count: Int) {
    unsafe values.withUnsafeMutableBufferPointer { buffer in
      guard let pointer = buffer.baseAddress else { return }
      unsafe Kernels.current.multiply(pointer, factor, count)
    }
  }
}
