import PatchTestSupport
import ByteIO
import DeltaCoding
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
        var patching = Patching(
          .apply, checkpoint: path, patch: patch, output: files.path("output"))
        patching.overwrites = true
        patching.threadCount = 1
        _ = try? patching.run()
      }
    })

  /// A patch, forged as for ``patch``, of a checkpoint and of the GGUF that a converter made of it:
  /// each is applied to the other, where it must be refused or give what its digests say.
  static let convertedPatch = FuzzTarget(
    name: "converted-patch", byteLimit: 8192,
    seeds: {
      try convertedPairs.map { pair in
        let parts = try parts(ofPatch: pair.patch)
        return Parts.join([parts.metadata, parts.table, parts.deltas])
      }
    },
    run: { bytes in
      let parts = Parts.split(bytes, limit: 3)
      guard parts.count == 3 else { return }
      let forged = ForgedPatch(metadata: parts[0], table: parts[1], deltas: parts[2], layouts: nil)
      let patch = files.write(forged.bytes, to: "forged")
      for pair in convertedPairs {
        for direction in [Direction.apply, .strip] {
          var patching = Patching(
            direction, checkpoint: pair.other, patch: patch, output: files.path("converted"))
          patching.overwrites = true
          patching.threadCount = 1
          _ = try? patching.run()
        }
      }
    })

  /// Sound patches, each with what holds the values of its base in another form.
  private static let convertedPairs: [(patch: String, other: String)] = {
    let (source, converted) = ("hf/llama-bf16", "pairs/llama-bf16")
    // The GGUF lacks rows.
    let cut = "families/hf/roberta-bf16"
    do {
      return try [
        (source, source + ".sparse", converted + ".BF16.gguf"),
        (converted + ".BF16.gguf", converted + ".sparse.BF16.gguf", source),
        (cut, cut + ".dense", cut.replacing("/hf/", with: "/gguf/") + ".BF16.gguf"),
      ].map { base, result, other in
        let patch = files.path("sound-" + base.replacing("/", with: "-"))
        _ = try Diff(
          base: try ReferenceGGUF.path(base), result: try ReferenceGGUF.path(result),
          output: patch
        ).run()
        return (patch, try ReferenceGGUF.path(other))
      }
    } catch { fatalError("\(error)") }
  }()

  private static let files = ScratchFiles("conversion")

  /// One for each architecture that a converter changes in its own way.
  private static let patches: [String] = {
    do {
      return try ["llama", "gpt2", "bert"].map { name in
        let patch = files.path(name)
        _ = try Diff(
          base: try ReferenceGGUF.path("hf/\(name)-bf16"),
          result: try ReferenceGGUF.path("hf/\(name)-bf16.sparse"), output: patch
        ).run()
        return patch
      }
    } catch { fatalError("\(error)") }
  }()
}
