internal import ByteIO
internal import CBLAS
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
  ///   - scratch: room for `blockLength · latentCount` values.
  /// - Complexity: O(`count · latentCount`).
  func compute(
    _ count: Int, from first: Int, into values: inout MutableSpan<Float>,
    scratch: inout MutableSpan<Float>
  ) {
    precondition(count <= values.count && count <= Self.blockLength)
    let working = FloatStorage(gradiend.configuration.elementType) ?? .float32
    switch part {
    case .decoder:
      multiplyByFactors(count, from: first, into: &values, scratch: &scratch)
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
      sumRows(count, from: first, into: &values, scratch: &scratch)
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

  /// `values = W · h`: a product for one latent, a matrix-vector product for more.
  private func multiplyByFactors(
    _ count: Int, from first: Int, into values: inout MutableSpan<Float>,
    scratch: inout MutableSpan<Float>
  ) {
    let latentCount = featureFactors.count
    guard latentCount > 1 else {
      weight?.read(count, from: first, into: &values)
      scale(&values, by: featureFactors[0], count: count)
      return
    }
    readRows(count, from: first, into: &scratch)
    unsafe values.withUnsafeMutableBufferPointer { result in
      unsafe scratch.withUnsafeBufferPointer { rows in
        unsafe featureFactors.withUnsafeBufferPointer { factors in
          unsafe cblas_sgemv(
            CblasRowMajor, CblasNoTrans, blasint(count), blasint(latentCount), 1,
            rows.baseAddress, blasint(latentCount), factors.baseAddress, 1, 0, result.baseAddress,
            1)
        }
      }
    }
  }

  private func sumRows(
    _ count: Int, from first: Int, into values: inout MutableSpan<Float>,
    scratch: inout MutableSpan<Float>
  ) {
    let latentCount = gradiend.configuration.latentCount
    readRows(count, from: first, into: &scratch)
    for row in 0..<count {
      var sum: Float = 0
      for latent in 0..<latentCount { sum += scratch[row * latentCount + latent] }
      values[row] = sum
    }
  }

  /// Reads `count` rows of the weight, one value a latent.
  private func readRows(_ count: Int, from first: Int, into scratch: inout MutableSpan<Float>) {
    let latentCount = gradiend.configuration.latentCount
    weight?.read(count * latentCount, from: first * latentCount, into: &scratch)
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
