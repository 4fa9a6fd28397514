import Checkpoints
import Gradiend
import Testing

/// How far an element may be from the reference's.
///
/// Not at all, unless the result is single precision and its decoder output came from a
/// transcendental function or a sum over latents. Then the decoder output may be off by 2 ulp, and
/// that of `gelu` by `|x| · 2^-22`, as the reference takes the error function from a polynomial
/// that is good to some 2^-22. The learning rate scales that error, and the roundings of update and
/// result add at most an ulp of each.
struct Tolerance {
  private let allowed: [Float]

  init(_ rewrite: Rewrite, _ tensor: StoredTensor, result: Floats) throws {
    guard rewrite.output.part == .decoder, !rewrite.isExact,
      tensor.descriptor.elementType == .float32,
      let coverage = rewrite.coverages[tensor.name]
    else {
      allowed = []
      return
    }
    let rate = rewrite.output.learningRate.magnitude
    let isGELU = rewrite.output.gradiend.configuration.activation == .gelu
    let arguments = isGELU ? try rewrite.activationArguments(of: coverage) : []
    allowed = try rewrite.decoderOutput(of: tensor).enumerated().map { index, output in
      if output == 0 { return 0 }
      let fault = isGELU ? arguments[index].magnitude * 0x1p-22 : 2 * output.ulp
      return rate * fault + (rate * output).ulp + result.values[index].ulp
    }
  }

  subscript(index: Int) -> Float { allowed.isEmpty ? 0 : allowed[index] }
}

extension Rewrite {
  /// Whether the decoder output needs nothing but single products and sums.
  var isExact: Bool {
    let configuration = output.gradiend.configuration
    return switch configuration.activation {
    case .identity, .relu, .leakyReLU, .hardTanh: true
    case .tanh, .elu, .gelu, .sigmoid, .silu: false
    }
  }

  /// `W · h + b` of every element of a parameter that is covered whole, computed in double
  /// precision.
  func activationArguments(of coverage: GradiendCheckpoint.Coverage) throws -> [Float] {
    guard case .all = coverage.selection else {
      throw Refusal.shape(coverage.parameter.name)
    }
    let gradiend = output.gradiend
    let weight = try gradiend.floats("decoder.0.linear.weight")
    let bias =
      gradiend.configuration.hasBias ? try gradiend.floats("decoder.0.linear.bias") : nil
    let factors = output.featureFactors
    return coverage.entries.map { entry in
      let products = factors.indices.map {
        Double(weight[entry * factors.count + $0]) * Double(factors[$0])
      }
      return Float(products.reduce(0, +) + Double(bias?[entry] ?? 0))
    }
  }
}

extension GradiendCheckpoint {
  /// The values of one of its tensors.
  func floats(_ name: String) throws -> [Float] {
    let tensor = try #require(TensorName(rawValue: name).flatMap { self.tensor($0) })
    let bytes = weights.file.bytes.extracting(tensor.byteRange).array
    return Floats(bytes, type: tensor.elementType).values
  }
}
