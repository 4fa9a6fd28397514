import ByteIO
import PatchTestSupport
import DeltaCoding
import GradiendPatch
import PatchFormat
import TestSupport
import Testing

/// A folder in which a test makes checkpoints and runs operations, paths relative to it.
struct Workbench {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  func path(_ name: String) -> String { folder.path(name) }

  func bytes(_ name: String) throws -> [UInt8] { try folder.bytes(of: name) }

  // MARK: Checkpoints

  func write(_ model: RandomModel, to name: String) throws {
    try folder.write(model.file(), to: name)
  }

  /// Writes a folder with the model in `count` files, or in one without index for 1.
  func writeFolder(_ model: RandomModel, to name: String, shards count: Int = 1) throws {
    if count == 1 {
      try folder.write(model.file(), to: name + "/model.safetensors")
    } else {
      for shard in model.shards(count) {
        try folder.write(shard.bytes, to: name + "/" + shard.name)
      }
      try folder.write(model.shardIndex(count), to: name + "/model.safetensors.index.json")
    }
    try folder.write(#"{"model_type":"random"}"#, to: name + "/config.json")
  }

  /// Writes a GRADIEND for `model`, with coverage and weights of this seed.
  func writeGradiend(
    for model: RandomModel, to name: String, latentCount: Int = 1, seed: UInt64
  ) throws {
    var builder = GradiendBuilder(
      model.parameters(seed: seed), latentCount: latentCount, seed: seed)
    try builder.write(to: folder, as: name)
  }

  // MARK: Operations

  @discardableResult
  func create(
    _ base: String, _ gradiend: String, to output: String, factors: [Float] = [-1],
    rate: Float = 0.01, part: GradiendPart = .decoder, threads: Int = 0
  ) throws(PatchError) -> PatchSummary {
    var creation = Create(
      base: path(base), gradiend: path(gradiend), output: path(output),
      featureFactors: part == .decoder ? factors : [], learningRate: rate)
    creation.part = part
    creation.threadCount = threads
    return try creation.run()
  }

  @discardableResult
  func diff(
    _ base: String, _ result: String, to output: String, threads: Int = 0
  ) throws(PatchError) -> PatchSummary {
    var comparison = Diff(
      base: path(base), result: path(result), output: path(output))
    comparison.threadCount = threads
    return try comparison.run()
  }

  @discardableResult
  func apply(
    _ patch: String, to base: String, as output: String, threads: Int = 0
  ) throws(PatchError) -> ModelSummary {
    try run(.apply, base, patch, output, threads)
  }

  @discardableResult
  func strip(
    _ patch: String, from result: String, as output: String, threads: Int = 0
  ) throws(PatchError) -> ModelSummary {
    try run(.strip, result, patch, output, threads)
  }

  private func run(
    _ direction: Direction, _ input: String, _ patch: String, _ output: String,
    _ threads: Int
  ) throws(PatchError) -> ModelSummary {
    var patching = Patching(
      direction, checkpoint: path(input), patch: path(patch), output: path(output))
    patching.threadCount = threads
    return try patching.run()
  }

  func verify(_ checkpoint: String, _ patch: String) throws(PatchError)
    -> Verify.Verdict
  {
    try Verify(checkpoint: path(checkpoint), patch: path(patch)).run()
  }

  /// Writes the patch `forged`: that of `patch`, but for its layouts.
  func forge(_ layouts: PatchLayouts) throws {
    let sound = try PatchFile(path: path("patch"))
    var writer = try PatchWriter(
      path: path("forged"), overwrites: true, reserving: sound.metadata, hasLayouts: true)
    for tensor in sound.index.tensors {
      for range in try sound.chunkByteRanges(of: tensor) {
        _ = try writer.append(chunk: sound.file.bytes.extracting(range).array)
      }
    }
    _ = try writer.finish(
      tensors: sound.index.tensors, metadata: sound.metadata, layouts: layouts)
  }

  // MARK: Refusals

  /// Runs `body`, which must fail with an error of this kind and leave the folder as it was.
  ///
  /// - Returns: the error.
  @discardableResult
  func refusal(
    _ kind: PatchError.Kind, sourceLocation: SourceLocation = #_sourceLocation,
    _ body: () throws(PatchError) -> Void
  ) throws -> PatchError {
    let before = try folder.tree()
    let error = try #require(throws: PatchError.self, sourceLocation: sourceLocation) {
      try body()
    }
    #expect(error.kind == kind, "\(error)", sourceLocation: sourceLocation)
    #expect(try folder.tree() == before, sourceLocation: sourceLocation)
    return error
  }
}
