internal import Glibc

/// The decoder's activation, under the names of the reference package.
package enum Activation: String, CaseIterable, Sendable {
  case identity = "id"
  case relu
  case leakyReLU = "leakyrelu"
  case tanh
  /// Clamps to ±1.
  case hardTanh = "smht"
  case elu
  /// The exact one, by the error function.
  case gelu
  case sigmoid
  case silu

  /// The activation of `value`, in single precision.
  ///
  /// Exact for the first three and `smht`; the others are as good as the C library, which may
  /// differ from other libraries in the last bit.
  func callAsFunction(_ value: Float) -> Float {
    switch self {
    case .identity: value
    case .relu: value < 0 ? 0 : value
    case .leakyReLU: value < 0 ? value * 0.01 : value
    case .tanh: tanhf(value)
    case .hardTanh: value < -1 ? -1 : value > 1 ? 1 : value
    case .elu: value > 0 ? value : expm1f(value)
    case .gelu: value * 0.5 * (1 + erff(value * Float(0.5).squareRoot()))
    case .sigmoid: 1 / (1 + expf(-value))
    case .silu: value / (1 + expf(-value))
    }
  }
}
