internal import PatchEngine

/// The colours of pictures and pages, for light and for dark surroundings.
///
/// The shades rise evenly in lightness, from pale to deep on white and from deep to pale on black, so
/// that they are in order for every eye and in grey print; numbers on them have a contrast of 4.5 to
/// 1 or more.
enum ChangePalette {
  private typealias Shade = (fill: String, text: String)

  private static let light: [Shade] = [
    ("#f3f0c2", "#111"), ("#b0db99", "#111"), ("#51c28c", "#111"), ("#11a18e", "#111"),
    ("#097f8a", "#fff"), ("#045d83", "#fff"), ("#133b7d", "#fff"), ("#251c56", "#fff"),
  ]
  private static let dark: [Shade] = [
    ("#312a65", "#fff"), ("#214488", "#fff"), ("#036190", "#fff"), ("#0c7e93", "#fff"),
    ("#12a094", "#111"), ("#51c180", "#111"), ("#b3d574", "#111"), ("#f2eba4", "#111"),
  ]

  /// The rules for everything that panels draw. Paper counts as light.
  static let style = """
    .map text{font:10.5px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;\
    font-variant-numeric:tabular-nums;fill:#1f2328}
    .map .headline{font-size:16px;font-weight:600}
    .map .title{font-size:13px;font-weight:600}
    .map .muted,.map .zero text{fill:#59636e}
    .map .number text{text-anchor:middle}
    .map .end{text-anchor:end}
    .map .mid{text-anchor:middle}
    .map .zero rect{fill:none;stroke:#d1d9e0}
    .map .paper{fill:#fff}
    .map .bar{fill:#045d83}
    \(rules(light))
    @media screen and (prefers-color-scheme:dark){
    .map text{fill:#e6edf3}
    .map .muted,.map .zero text{fill:#9198a1}
    .map .zero rect{stroke:#3d444d}
    .map .paper{fill:#0d1117}
    .map .bar{fill:#51c180}
    \(rules(dark))
    }
    """

  /// What a ``ChangePicture`` needs besides: larger letters, and larger ones still where it is small.
  static let pictureStyle = """
    .picture text{font-size:14px}
    .picture .headline{font-size:19px}
    .picture .title{font-size:15px}
    @media (max-width:560px){.picture text{font-size:19px}\
    .picture .title{font-size:17.5px}.picture .headline{font-size:25px}}
    """

  private static func rules(_ shades: [Shade]) -> String {
    shades.enumerated().map { position, shade in
      ".map .c\(position) rect{fill:\(shade.fill)}.map .c\(position) text{fill:\(shade.text)}"
    }.joined(separator: "\n")
  }
}
