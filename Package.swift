// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// Executables call the system through C and print; nothing they hold needs guarding.
let executable: [SwiftSetting] = [.treatAllWarnings(as: .error)]

/// Only `ByteIO` returns spans and stores them in types that cannot escape.
let lifetimes: [SwiftSetting] = [.enableExperimentalFeature("Lifetimes")]

/// The instructions that FloatKernelsV3 may use.
#if arch(x86_64)
  let newerProcessors: [SwiftSetting] = [.unsafeFlags(["-Xcc", "-march=x86-64-v3"])]
#else
  let newerProcessors: [SwiftSetting] = []
#endif

/// The library for C carries the Swift runtime, and shows nothing but what its header declares. It stays
/// where it was loaded: threads may still end in its runtime.
let sharedLibrary: [LinkerSetting] = [
  .unsafeFlags(
    ["-static-stdlib"]
      + [
        "--version-script=\(Context.packageDirectory)/Sources/SharedLibrary/exports.map",
        "--gc-sections", "-soname=libgradiendpatch.so.1", "-z", "nodelete",
      ].flatMap { ["-Xlinker", $0] })
]

let package = Package(
  name: "gradiend-patch",
  products: [
    .library(name: "GradiendPatch", targets: ["GradiendPatch"]),
    .library(name: "gradiendpatch", type: .dynamic, targets: ["SharedLibrary"]),
    .executable(name: "gradiend-patch", targets: ["gradiend-patch"]),
  ],
  targets: [
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CJansson", pkgConfig: "jansson", providers: [.apt(["libjansson-dev"])]),

    .target(name: "CLinux"),
    .target(
      name: "ByteIO", dependencies: ["CLinux", "CXXHash", "CCrypto", "CZstd"],
      swiftSettings: strict + lifetimes),
    .target(
      name: "Checkpoints", dependencies: ["ByteIO", "CJansson"], swiftSettings: strict),
    .target(name: "FloatKernels", swiftSettings: strict),
    // The same sources for newer processors, which the caller checks for; see FloatKernels.swift.
    .target(
      name: "FloatKernelsV3",
      swiftSettings: strict + newerProcessors),
    .target(
      name: "Gradiend",
      dependencies: ["CLinux", "Checkpoints", "FloatKernels", "FloatKernelsV3"],
      swiftSettings: strict),
    .target(name: "DeltaCoding", dependencies: ["ByteIO"], swiftSettings: strict),
    .target(name: "ModelNames", dependencies: ["Checkpoints"], swiftSettings: strict),
    .target(name: "PatchFormat", dependencies: ["ByteIO", "Checkpoints"], swiftSettings: strict),
    .target(name: "Hub", dependencies: ["ByteIO", "PatchFormat"], swiftSettings: strict),
    .target(
      name: "PatchEngine",
      dependencies: [
        "ByteIO", "Checkpoints", "DeltaCoding", "Gradiend", "ModelNames", "PatchFormat",
      ],
      swiftSettings: strict),
    .target(
      name: "InPlace",
      dependencies: ["ByteIO", "Checkpoints", "DeltaCoding", "PatchEngine", "PatchFormat"],
      swiftSettings: strict),
    .target(
      name: "Live",
      dependencies: [
        "ByteIO", "Checkpoints", "DeltaCoding", "Gradiend", "ModelNames", "PatchEngine",
        "PatchFormat",
      ],
      swiftSettings: strict),
    .target(
      name: "Adapter",
      dependencies: [
        "ByteIO", "Checkpoints", "Gradiend", "ModelNames", "PatchEngine", "PatchFormat",
      ],
      swiftSettings: strict),
    .target(
      name: "Pictures", dependencies: ["ByteIO", "ModelNames", "PatchEngine"], swiftSettings: strict
    ),
    .target(
      name: "Publishing",
      dependencies: [
        "Adapter", "ByteIO", "Checkpoints", "Hub", "PatchEngine", "PatchFormat", "Pictures",
      ],
      swiftSettings: strict),
    .target(
      name: "GradiendPatch",
      dependencies: [
        "Adapter", "ByteIO", "Checkpoints", "Gradiend", "Hub", "InPlace", "PatchEngine",
        "PatchFormat", "Pictures", "Publishing",
      ],
      exclude: ["README.md"], swiftSettings: strict),
    .target(name: "CGradiendPatch", exclude: ["install.sh"]),
    .target(
      name: "SharedLibrary",
      dependencies: [
        "ByteIO", "CGradiendPatch", "Checkpoints", "Gradiend", "GradiendPatch", "Live",
        "PatchEngine", "PatchFormat",
      ],
      exclude: ["exports.map"], swiftSettings: strict, linkerSettings: sharedLibrary),
    .executableTarget(
      name: "gradiend-patch",
      dependencies: ["ByteIO", "CLinux", "Checkpoints", "CommandGrammar", "GradiendPatch"],
      swiftSettings: executable),
    .target(name: "CommandGrammar", swiftSettings: strict),
    .executableTarget(
      name: "gradiend-patch-bench",
      dependencies: ["ByteIO", "CLinux", "Checkpoints", "CommandGrammar"],
      swiftSettings: executable),

    .target(name: "TestSupport", dependencies: ["ByteIO"], path: "Tests/TestSupport"),
    .target(
      name: "PatchTestSupport", dependencies: ["ByteIO", "DeltaCoding", "GradiendPatch"],
      path: "Tests/PatchTestSupport"),
    .testTarget(name: "ByteIOTests", dependencies: ["ByteIO", "TestSupport"]),
    .testTarget(name: "CheckpointsTests", dependencies: ["ByteIO", "Checkpoints", "TestSupport"]),
    .testTarget(
      name: "ModelNamesTests", dependencies: ["Checkpoints", "ModelNames", "TestSupport"]),
    .testTarget(name: "HubTests", dependencies: ["ByteIO", "Hub", "PatchFormat", "TestSupport"]),
    .testTarget(
      name: "GradiendTests",
      dependencies: ["ByteIO", "CLinux", "Checkpoints", "Gradiend", "ModelNames", "TestSupport"]),
    .testTarget(
      name: "PatchFormatTests",
      dependencies: ["ByteIO", "Checkpoints", "PatchFormat", "TestSupport"]),
    .testTarget(
      name: "GradiendPatchTests",
      dependencies: [
        "ByteIO", "Checkpoints", "DeltaCoding", "GradiendPatch", "ModelNames", "PatchEngine",
        "PatchFormat", "PatchTestSupport", "Pictures", "TestSupport",
      ]),
    .testTarget(
      name: "LiveTests",
      dependencies: [
        "Checkpoints", "Gradiend", "GradiendPatch", "Live", "PatchEngine", "PatchFormat",
        "PatchTestSupport", "TestSupport",
      ]),
    .testTarget(name: "EndToEndTests", dependencies: ["TestSupport", "gradiend-patch"]),
    .testTarget(
      name: "DeltaCodingTests", dependencies: ["ByteIO", "DeltaCoding", "TestSupport"]),
    .testTarget(name: "CommandGrammarTests", dependencies: ["CommandGrammar"]),
    .testTarget(
      name: "BenchTests",
      dependencies: [
        "Checkpoints", "DeltaCoding", "GradiendPatch", "PatchTestSupport", "TestSupport",
        "gradiend-patch-bench",
      ]),
  ],
  swiftLanguageModes: [.v6]
)

// Its main function comes with `--sanitize fuzzer` only, so `make fuzz` asks for this target.
if Context.environment["GRADIEND_PATCH_FUZZ"] != nil {
  package.targets.append(
    .executableTarget(
      name: "gradiend-patch-fuzz",
      dependencies: [
        "ByteIO", "Checkpoints", "DeltaCoding", "GradiendPatch", "ModelNames", "PatchFormat",
        "PatchTestSupport", "TestSupport",
      ],
      path: "Tests/Fuzz", exclude: ["corpus.tar.xz", "run.sh"], swiftSettings: executable))
}
