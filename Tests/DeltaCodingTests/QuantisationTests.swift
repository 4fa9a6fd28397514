import DeltaCoding
import Testing

@Suite struct QuantisationTests {
  private func quantised(
    _ sample: Sample, _ maxRelativeError: Double
  ) -> (sample: Sample, quantisation: Quantisation) {
    let quantisation = Quantisation(
      base: sample.base.span.bytes, result: sample.result.span.bytes, format: sample.format,
      maxRelativeError: maxRelativeError)
    var coarse = sample
    var span = coarse.result.mutableSpan
    var bytes = span.mutableBytes
    quantisation.quantise(
      base: sample.base.span.bytes, result: sample.result.span.bytes, into: &bytes)
    return (coarse, quantisation)
  }

  private func values(_ bytes: [UInt8], _ format: FloatFormat) -> [Double] {
    stride(from: 0, to: bytes.count, by: format.byteWidth).map { offset in
      format.value(
        (0..<format.byteWidth).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32(8 * $1) })
    }
  }

  @Test(arguments: FloatFormat.wide, [0.5, 0.25, 1.0 / 16, 1.0 / 64, 1e-3])
  func `the error stays within what is allowed, and is what is said`(
    format: FloatFormat, allowed: Double
  ) throws {
    for scale in [1e-4, 1e-3, 1e-1] {
      let sample = Sample.outerProduct(format, rows: 60, columns: 90, scale: scale, seed: 21)
      let (coarse, quantisation) = quantised(sample, allowed)
      let base = values(sample.base, format)
      let exact = values(sample.result, format)
      let reached = values(coarse.result, format)
      var error = 0.0
      var update = 0.0
      for index in base.indices {
        error += (reached[index] - exact[index]) * (reached[index] - exact[index])
        update += (exact[index] - base[index]) * (exact[index] - base[index])
      }
      #expect(error <= allowed * allowed * update)
      #expect(abs(error - quantisation.squaredError) <= 1e-9 * update)
      #expect(abs(update - quantisation.squaredUpdate) <= 1e-9 * update)
      #expect(quantisation.relativeError <= allowed)
      let chunk = coarse.encoded(shifts: quantisation.shifts)
      let (applied, stripped) = try coarse.decoded(chunk.bytes)
      #expect(applied == coarse.result)
      #expect(stripped == coarse.base)
    }
  }

  @Test func `a coarser update of float32 takes far fewer bytes`() {
    let sample = Sample.outerProduct(.float32, rows: 128, columns: 128, scale: 1e-4, seed: 8)
    let (coarse, quantisation) = quantised(sample, 1.0 / 16)
    #expect(
      coarse.encoded(shifts: quantisation.shifts).bytes.count * 2
        < sample.encoded().bytes.count)
  }

  @Test(arguments: FloatFormat.wide)
  func `no allowance changes nothing`(format: FloatFormat) {
    let sample = Sample.outerProduct(format, rows: 20, columns: 20, scale: 1e-3, seed: 4)
    let (coarse, quantisation) = quantised(sample, 0)
    #expect(coarse.result == sample.result)
    #expect(quantisation.shifts == ShiftTable())
    #expect(quantisation.relativeError == 0)
  }

  @Test(arguments: FloatFormat.wide)
  func `values that are not finite stay as they are`(format: FloatFormat) throws {
    var sample = Sample(format, rows: 1, columns: 600)
    for index in 0..<600 {
      let before = format.bits(0.5 + Double(index) / 1000)
      let after =
        index % 3 == 0
        ? format.bits(.infinity) + UInt32(index % 2) : format.bits(0.7 + Double(index) / 900)
      sample.append(before, after)
    }
    let (coarse, quantisation) = quantised(sample, 0.25)
    let exact = values(sample.result, format)
    for (index, value) in values(coarse.result, format).enumerated() {
      #expect(value.isFinite == exact[index].isFinite)
    }
    let (applied, stripped) = try coarse.decoded(
      coarse.encoded(shifts: quantisation.shifts).bytes)
    #expect(applied == coarse.result)
    #expect(stripped == sample.base)
  }
}
