/// The block types whose parts are known (Formats/block-coding.md, section 2).
package enum BlockFormat: String, CaseIterable, Hashable, Sendable {
  case q4_0 = "Q4_0"
  case q4_1 = "Q4_1"
  case q5_0 = "Q5_0"
  case q5_1 = "Q5_1"
  case q8_0 = "Q8_0"
  case q8_1 = "Q8_1"
  case q2K = "Q2_K"
  case q3K = "Q3_K"
  case q4K = "Q4_K"
  case q5K = "Q5_K"
  case q6K = "Q6_K"
  case q8K = "Q8_K"
  case iq2XXS = "IQ2_XXS"
  case iq2XS = "IQ2_XS"
  case iq3XXS = "IQ3_XXS"
  case iq1S = "IQ1_S"
  case iq4NL = "IQ4_NL"
  case iq3S = "IQ3_S"
  case iq2S = "IQ2_S"
  case iq4XS = "IQ4_XS"
  case iq1M = "IQ1_M"
  case tq1_0 = "TQ1_0"
  case tq2_0 = "TQ2_0"
  case mxfp4 = "MXFP4"
  case nvfp4 = "NVFP4"
  case q1_0 = "Q1_0"
  case q2_0 = "Q2_0"

  /// Where the values of a block lie.
  package var layout: BlockLayout {
    guard let layout = Self.layouts[self] else { preconditionFailure("all cases have a layout") }
    return layout
  }

  /// Made once, as chunks ask for them often.
  private static let layouts = Dictionary(
    uniqueKeysWithValues: allCases.map { ($0, $0.makeLayout()) })

  private func makeLayout() -> BlockLayout {
    switch self {
    case .q4_0, .iq4NL: BlockLayout(18, scales: .halves(at: 0), codes: .nibblePairs(32, at: 2))
    case .q4_1: BlockLayout(20, scales: .halves(at: 0, 2), codes: .nibblePairs(32, at: 4))
    case .q5_0:
      BlockLayout(
        22, scales: .halves(at: 0),
        codes: .nibblePairs(32, at: 6).with(high: .fields(32, bits: 1, at: 2)))
    case .q5_1:
      BlockLayout(
        24, scales: .halves(at: 0, 2),
        codes: .nibblePairs(32, at: 8).with(high: .fields(32, bits: 1, at: 4)))
    case .q8_0: BlockLayout(34, scales: .halves(at: 0), codes: .signedBytes(32, at: 2))
    case .q8_1: BlockLayout(36, scales: .halves(at: 0, 2), codes: .signedBytes(32, at: 4))
    case .q2K:
      BlockLayout(
        84, scales: .halves(at: 80, 82),
        subscales: .fields(16, bits: 4, at: 0, step: 8)
          + .fields(16, bits: 4, at: 0, step: 8, shift: 4),
        minimaCount: 16, codes: .strided(bits: 2, run: 32, at: 16))
    case .q3K:
      BlockLayout(
        110, scales: .halves(at: 108), subscales: .threeBitScales(at: 96), subscaleZero: 32,
        codes: .strided(bits: 2, run: 32, at: 32).with(high: .strided(bits: 1, run: 32, at: 0)))
    case .q4K:
      BlockLayout(
        144, scales: .halves(at: 0, 2), subscales: .sixBitScales(at: 4), minimaCount: 8,
        codes: .strided(bits: 4, run: 32, at: 16))
    case .q5K:
      BlockLayout(
        176, scales: .halves(at: 0, 2), subscales: .sixBitScales(at: 4), minimaCount: 8,
        codes: .strided(bits: 4, run: 32, at: 48).with(high: .strided(bits: 1, run: 32, at: 16)))
    case .q6K:
      BlockLayout(
        210, scales: .halves(at: 208), subscales: .signedBytes(16, at: 192), subscaleZero: 128,
        codes: .strided(bits: 4, run: 64, at: 0).with(high: .strided(bits: 2, run: 32, at: 128)))
    case .q8K:
      BlockLayout(
        292, scales: .halves(at: 2, 0),
        codes: .signedBytes(256, at: 4) + .bytes(32, at: 260))
    case .iq2XXS: BlockLayout(66, scales: .halves(at: 0), codes: .bytes(64, at: 2))
    case .iq2XS: BlockLayout(74, scales: .halves(at: 0), codes: .bytes(72, at: 2))
    case .iq3XXS: BlockLayout(98, scales: .halves(at: 0), codes: .bytes(96, at: 2))
    case .iq1S: BlockLayout(50, scales: .halves(at: 0), codes: .bytes(48, at: 2))
    case .iq3S: BlockLayout(110, scales: .halves(at: 0), codes: .bytes(108, at: 2))
    case .iq2S: BlockLayout(82, scales: .halves(at: 0), codes: .bytes(80, at: 2))
    case .iq4XS:
      BlockLayout(
        136, scales: .halves(at: 0),
        subscales: .fields(8, bits: 4, at: 4).with(high: .fields(8, bits: 2, at: 2)),
        subscaleZero: 32, codes: .runs(8, of: .nibblePairs(32, at: 8), step: 16))
    case .iq1M: BlockLayout(56, scales: [], codes: .bytes(56, at: 0))
    case .tq1_0: BlockLayout(54, scales: .halves(at: 52), codes: .bytes(52, at: 0))
    case .tq2_0: BlockLayout(66, scales: .halves(at: 64), codes: .strided(bits: 2, run: 32, at: 0))
    case .mxfp4:
      BlockLayout(
        17, scales: .bytes(1, at: 0), scaleIsExponent: true, codes: .nibblePairs(32, at: 1))
    case .nvfp4:
      BlockLayout(
        36, scales: [], subscales: .bytes(4, at: 0),
        codes: .runs(4, of: .nibblePairs(16, at: 4), step: 8))
    case .q1_0: BlockLayout(18, scales: .halves(at: 0), codes: .fields(128, bits: 1, at: 2))
    case .q2_0: BlockLayout(18, scales: .halves(at: 0), codes: .fields(64, bits: 2, at: 2))
    }
  }
}
