/// Another tool that can make a patch of two files.
struct Peer {
  /// The files it works on.
  struct Files {
    let base: String
    let result: String
    let patch: String
    let output: String
  }

  /// The tool and its settings, as typed.
  let name: String
  /// Whether it takes minutes.
  let isSlow: Bool
  /// Fails unless it is installed.
  let probe: [String]
  let making: (Files) -> [String]
  let applying: (Files) -> [String]

  /// All of them; some need a Python with the package.
  static func all(python: String) -> [Peer] {
    [
      .zstd(level: 3, isSlow: false),
      .zstd(level: 19, isSlow: true),
      Peer(
        name: "xdelta3 -9", isSlow: false, probe: ["xdelta3", "-V"],
        making: { ["xdelta3", "-e", "-9", "-s", $0.base, $0.result, $0.patch] },
        applying: { ["xdelta3", "-d", "-s", $0.base, $0.patch, $0.output] }),
      Peer(
        name: "bsdiff", isSlow: true,
        probe: ["sh", "-c", "command -v bsdiff && command -v bspatch"],
        making: { ["bsdiff", $0.base, $0.result, $0.patch] },
        applying: { ["bspatch", $0.base, $0.output, $0.patch] }),
      .python(python, "XOR, xz -6", package: "numpy", method: "xor"),
      .python(python, "XOR, zstd -1", package: "zstandard", method: "xor-zstd"),
      .python(python, "places in 32 bits, and values", package: "numpy", method: "list"),
      .python(
        python, "fireworks-delta-compression, arc_v3", package: "fireworks_delta_compression",
        method: "fireworks"),
      .python(python, "zipnn, delta", package: "zipnn", method: "zipnn"),
    ]
  }

  private static func zstd(level: Int, isSlow: Bool) -> Self {
    Self(
      name: "zstd -\(level) --long=31 --patch-from", isSlow: isSlow, probe: ["zstd", "--version"],
      making: {
        [
          "zstd", "-q", "-\(level)", "--long=31", "--patch-from=\($0.base)", $0.result, "-o",
          $0.patch,
        ]
      },
      applying: {
        ["zstd", "-q", "-d", "--long=31", "--patch-from=\($0.base)", $0.patch, "-o", $0.output]
      })
  }

  private static func python(
    _ python: String, _ name: String, package: String, method: String
  ) -> Self {
    Self(
      name: name, isSlow: false, probe: [python, "-c", "import \(package)"],
      making: {
        [python, "-c", PeerScript.text, method, "make", $0.base, $0.result, $0.patch]
      },
      applying: {
        [python, "-c", PeerScript.text, method, "apply", $0.base, $0.patch, $0.output]
      })
  }
}
