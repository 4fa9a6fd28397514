// Rounding by its definition, slow and without the tricks of the kernels.

/// `value`, which is finite, rounded to nearest even.
func roundedToBFloat16(_ value: Float) -> Float {
  let below = Float(bitPattern: value.bitPattern & 0xFFFF_0000)
  let above = Float(bitPattern: below.bitPattern + 0x1_0000)
  if above.isInfinite {
    return value.magnitude < 0x1.FFp127 ? below : above
  }
  let (down, up) = ((value - below).magnitude, (above - value).magnitude)
  if down == up { return below.bitPattern & 0x1_0000 == 0 ? below : above }
  return down < up ? below : above
}

/// `value`, which is finite, rounded to nearest even.
func roundedToFloat16(_ value: Float) -> Float {
  if value.magnitude >= 65520 { return Float(signOf: value, magnitudeOf: .infinity) }
  let exponent = max(value == 0 ? -14 : Int(value.exponent), -14)
  let unit = Float(sign: .plus, exponent: exponent - 10, significand: 1)
  return (value / unit).rounded(.toNearestOrEven) * unit
}

/// The value of a float16 by its three fields.
func valueOfFloat16(_ word: UInt16) -> Float {
  let (exponent, fraction) = (Int(word >> 10) & 31, Float(word & 0x3FF))
  let magnitude: Float =
    switch exponent {
    case 0: fraction * 0x1p-24
    case 31: fraction == 0 ? .infinity : .nan
    default: Float(sign: .plus, exponent: exponent - 25, significand: 1024 + fraction)
    }
  return word < 0x8000 ? magnitude : -magnitude
}
