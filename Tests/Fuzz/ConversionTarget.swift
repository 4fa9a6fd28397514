import ByteIO
import Foundation
import GradiendPatch
import TestSupport

extension FuzzTarget {
  /// Any bytes as what a converter made of the base of a sound patch.
  static let conversion = FuzzTarget(
    name: "conversion", byteLimit: 24_576,
    seeds: {
      let bases = try ReferenceGGUF.pairs().filter { pair in
        pair.sourceType == "BF16" && pair.base.count == 1
      }.map { $0.base[0] }
      return try Set(bases).sorted().map { try file($0) }
    },
    run: { bytes in
      let path = files.write(bytes.array, to: "model.gguf")
      for patch in patches {
        var patching = CheckpointPatching(
          .apply, checkpoint: path, patch: patch, output: files.path("output"))
        patching.overwrites = true
        patching.threadCount = 1
        _ = try? patching.run()
      }
    })

  private static let files = ScratchFiles("conversion")

  /// One for each architecture that a converter changes in its own way.
  private static let patches: [String] = {
    do {
      return try ["llama", "gpt2", "bert"].map { name in
        let patch = files.path(name)
        _ = try CheckpointComparison(
          base: try ReferenceGGUF.path("hf/\(name)-bf16"),
          result: try ReferenceGGUF.path("hf/\(name)-bf16.sparse"), output: patch
        ).run()
        return patch
      }
    } catch { fatalError("\(error)") }
  }()
}
