import ByteIO
import Checkpoints
import DeltaCoding
import GradiendPatch
import PatchFormat
import TestSupport

extension FuzzTarget {
  /// A piece of a patch whose digests of itself are sound, whatever it says: metadata, the table behind
  /// its digests, and deltas. It is joined alone, and with the second piece of each of the runs that the
  /// seeds are of.
  static let piece = FuzzTarget(
    name: "piece", byteLimit: 4096,
    seeds: {
      let stage = ShareStage.shared
      return try stage.runs.flatMap { pieces in try pieces.map(ShareStage.parts) }
    },
    run: { bytes in
      let stage = ShareStage.shared
      guard let forged = ShareStage.forged(bytes) else { return }
      let path = stage.files.write(forged, to: "forged")
      for others in [[]] + stage.runs.map({ [$0[1]] }) {
        let output = stage.files.path("joined")
        var join = Join(pieces: [path] + others, output: output)
        join.overwrites = true
        guard (try? join.run()) != nil else { continue }
        expect((try? PatchFile(path: output)) != nil, "what is joined is a patch")
      }
    })

  /// The receipt of the first of two shares of a model, likewise: the model is finished with it.
  static let receipt = FuzzTarget(
    name: "receipt", byteLimit: 2048,
    seeds: { try ShareStage.shared.receipts.map(ShareStage.parts) },
    run: { bytes in
      let stage = ShareStage.shared
      guard let forged = ShareStage.forged(bytes) else { return }
      do {
        let file = try Array(stage.folder.bytes(at: stage.receipts[0]))
        try stage.folder.write(forged, to: "out.shares/receipt-1-of-2")
        guard (try? stage.apply(.finishing(stage.output, overwriting: true))) != nil else {
          try stage.folder.write(file, to: "out.shares/receipt-1-of-2")
          return
        }
        let isRight = try stage.names.allSatisfy {
          try stage.folder.bytes(of: "out/\($0)") == stage.folder.bytes(of: "result/\($0)")
        }
        expect(isRight, "what is finished is the result")
        try stage.writeShares()
      } catch { fatalError("\(error)") }
    })
}

/// A model of two files, the pieces of patches of it, and shares of what a patch makes of it.
struct ShareStage {
  let files = ScratchFiles("shares")
  let folder: TemporaryDirectory
  /// Of each run, the pieces of two shares.
  let runs: [[String]]
  let receipts: [String]
  let names: [String]
  let output: String
  private let base: String
  private let patch: String

  static let shared: ShareStage = {
    do { return try ShareStage() } catch { fatalError("\(error)") }
  }()

  private init() throws {
    folder = try TemporaryDirectory()
    var model = RandomModel(seed: 8)
    model.tensors.removeAll { ["F4", "C64", "F8_E4M3", "U16"].contains($0.type) }
    names = model.shards(2).map(\.name)
    for (name, model) in [("base", model), ("result", model.changed(seed: 9))] {
      for shard in model.shards(2) { try folder.write(shard.bytes, to: "\(name)/\(shard.name)") }
      try folder.write(model.shardIndex(2), to: "\(name)/model.safetensors.index.json")
    }
    base = folder.path("base")
    var builder = GradiendBuilder(model.parameters(seed: 1), seed: 1)
    let gradiend = try builder.write(to: folder, as: "gradiend")
    var creation = Create(
      base: base, gradiend: gradiend, output: folder.path("created"), featureFactors: [1],
      learningRate: 0.01)
    var comparison = Diff(
      base: base, result: folder.path("result"), output: folder.path("patch"))
    var runs: [[String]] = [[], []]
    for index in 1...2 {
      creation.share = try Share(index: index, count: 2)
      comparison.share = creation.share
      runs[0].append(try creation.run().path)
      runs[1].append(try comparison.run().path)
    }
    self.runs = runs
    patch = folder.path("patch")
    _ = try Join(pieces: runs[1], output: patch).run()
    let output = folder.path("out")
    self.output = output
    receipts = (1...2).map { "\(output).shares/receipt-\($0)-of-2" }
    try writeShares()
  }

  func writeShares() throws {
    for index in 1...2 {
      let share = try Share(index: index, count: 2)
      _ = try apply(.share(share, of: output, overwriting: true))
    }
  }

  func apply(_ destination: ModelDestination) throws -> ModelSummary {
    var apply = Apply(base: base, patch: patch, to: destination)
    apply.threadCount = 1
    return try apply.run()
  }

  /// What a piece or a receipt is forged of, from a sound one.
  static func parts(of path: String) throws -> [UInt8] {
    let share = try ShareFile(path: path)
    let header = try SafetensorsHeader(parsing: share.file.bytes)
    let metadata = JSONValue.object(header.metadata.map { .init($0.key, .string($0.value)) })
    return Parts.join([
      Array(metadata.text().utf8), share.table,
      share.file.bytes.extracting(share.deltasByteRange).array,
    ])
  }

  static func forged(_ bytes: RawSpan) -> [UInt8]? {
    let parts = Parts.split(bytes, limit: 3)
    guard parts.count == 3 else { return nil }
    return ForgedPatch(metadata: parts[0], table: parts[1], deltas: parts[2]).bytes
  }
}
