import Checkpoints
import Foundation
import Gradiend
import GradiendPatch
import Live
import PatchEngine
import PatchTestSupport
import TestSupport
import Testing

/// A model in memory tries candidates, one after the other.
@Suite struct TrialTests {
  private let folder: TemporaryDirectory
  private let base: [RandomModel.Tensor]
  private let source: GradiendBase

  init() throws {
    let model = RandomModel(seed: 31)
    var builder = GradiendBuilder(model.parameters(seed: 32), seed: 33)
    folder = try TemporaryDirectory()
    base = model.tensors.ofWholeBytes
    source = try Self.source(base, &builder, folder)
  }

  private static func source(
    _ base: [RandomModel.Tensor], _ builder: inout GradiendBuilder, _ folder: TemporaryDirectory
  ) throws -> GradiendBase {
    try GradiendBase(
      Checkpoint(path: LiveBench.write(base, to: folder, "base")),
      GradiendCheckpoint(path: builder.write(to: folder, as: "gradiend")))
  }

  private func output(
    _ factor: Float, _ rate: Float, _ source: GradiendBase? = nil
  ) throws -> DecoderOutput {
    try DecoderOutput(
      of: (source ?? self.source).gradiend, part: .decoder, featureFactors: [factor],
      learningRate: rate)
  }

  /// What `create` and `apply` make of the base.
  private func created(
    _ factor: Float, _ rate: Float, in folder: TemporaryDirectory
  ) throws -> Checkpoint {
    let name = "\(factor) \(rate)"
    defer { for name in [name, name + " result"] { try? folder.remove(name) } }
    _ = try Create(
      base: folder.path("base"), gradiend: folder.path("gradiend"), output: folder.path(name),
      featureFactors: [factor], learningRate: rate
    ).run()
    try Patching(
      .apply, checkpoint: folder.path("base"), patch: folder.path(name),
      output: folder.path(name + " result")
    ).run()
    return try Checkpoint(path: folder.path(name + " result"))
  }

  private func holds(_ memory: LiveMemory, _ expected: Checkpoint) -> Bool {
    memory.tensors.allSatisfy { tensor in
      expected[tensor.name].map { expected.bytes(of: $0, in: 0..<$0.byteCount) } == tensor.bytes
    }
  }

  private func enter(
    _ trial: LiveTrial, _ factor: Float, _ rate: Float, _ source: GradiendBase? = nil
  ) throws {
    try trial.enter(output(factor, rate, source), LiveBench.execution)
  }

  // MARK: Bits

  @Test
  func `a candidate has the bits that create and apply make, and leaving gives the base back`()
    throws
  {
    let memory = LiveMemory(base)
    let trial = try LiveTrial(source, memory.model())
    for (factor, rate) in [(-1, 0.01), (1, 0.5), (1, 0.5), (-0.25, 1e-3)] as [(Float, Float)] {
      try enter(trial, factor, rate)
      #expect(memory.tensors != base)
      #expect(holds(memory, try created(factor, rate, in: folder)))
    }
    try trial.leave(LiveBench.execution)
    #expect(memory.tensors == base)
    try trial.leave(LiveBench.execution)
    #expect(memory.tensors == base)
  }

  @Test func `a tensor of a candidate by itself has the same bits`() throws {
    let expected = try created(1, 0.5, in: folder)
    for tensor in source.base.tensors {
      let bytes = LiveMemory(base)
      let buffer = bytes.buffer(tensor.name)
      buffer.initializeMemory(as: UInt8.self, repeating: 0)
      nonisolated(unsafe) let target = buffer
      try source.result(of: tensor, output(1, 0.5), LiveBench.execution) { range, chunk in
        UnsafeMutableRawBufferPointer(rebasing: target[range]).copyBytes(from: chunk)
      }
      #expect(
        try Array(buffer)
          == expected.bytes(of: #require(expected[tensor.name]), in: 0..<tensor.byteCount))
    }
  }

  @Test func `a wider memory holds the candidate's values`() throws {
    let pair = RandomModel.Tensor.pair("norm.weight", rows: 40, columns: 9, seed: 2)
    let folder = try TemporaryDirectory()
    var builder = GradiendBuilder([.init("norm.weight", [40, 9])])
    let source = try Self.source([pair.base], &builder, folder)
    let memory = LiveMemory([pair.base.converted(to: "F32")])
    let trial = try LiveTrial(source, memory.model())
    try enter(trial, 1, 0.125, source)
    let result = try created(1, 0.125, in: folder)
    let values = RandomModel.Tensor(
      name: "norm.weight", type: "BF16", shape: [40, 9],
      bytes: result.bytes(of: result.tensors[0], in: 0..<result.tensors[0].byteCount))
    #expect(memory.tensors == [values.converted(to: "F32")])
    try trial.leave(LiveBench.execution)
    #expect(memory.tensors == [pair.base.converted(to: "F32")])
  }

  // MARK: Ties

  private func tiedTrial(
    _ head: String, in folder: TemporaryDirectory
  ) throws -> (LiveMemory, LiveTrial, GradiendBase) {
    let embedding = RandomModel.Tensor.pair(
      "model.embed_tokens.weight", rows: 60, columns: 5, seed: 4
    ).base
    var builder = GradiendBuilder([.init(embedding.name, embedding.shape)])
    let source = try Self.source(
      [embedding] + [embedding].renamed { _ in head }, &builder, folder)
    let memory = LiveMemory([embedding])
    return (memory, try LiveTrial(source, memory.model(ties: [embedding.name: head])), source)
  }

  @Test func `a head that is tied to the embedding is changed once`() throws {
    let folder = try TemporaryDirectory()
    let (memory, trial, source) = try tiedTrial("lm_head.weight", in: folder)
    for _ in 0..<10 {
      try enter(trial, 1, 0.5, source)
      #expect(holds(memory, try created(1, 0.5, in: folder)))
      try trial.leave(LiveBench.execution)
    }
  }

  @Test func `tensors that are one, of which the GRADIEND changes one only, are refused`() throws {
    let folder = try TemporaryDirectory()
    let error = #expect(throws: PatchError.self) { try tiedTrial("other.weight", in: folder) }
    #expect(error?.kind == .mismatch && error?.tensor == "other.weight")
  }

  // MARK: Refusals and faults

  @Test func `a model that is not the base is refused and left alone`() throws {
    let memory = LiveMemory(base)
    memory.buffer("model.ids")[0] ^= 1
    let before = memory.tensors
    let trial = try LiveTrial(source, memory.model())
    let error = #expect(throws: PatchError.self) { try enter(trial, 1, 0.5) }
    #expect(error?.kind == .mismatch && error?.tensor == "model.ids")
    #expect(memory.tensors == before)
  }

  @Test func `a base that somebody changed since is noticed`() throws {
    let memory = LiveMemory(base)
    let trial = try LiveTrial(source, memory.model())
    try enter(trial, 1, 0.5)
    try trial.leave(LiveBench.execution)
    let name = try #require(source.base.tensors.first { source.changes($0) }).name
    memory.buffer(name)[0] ^= 1
    let error = #expect(throws: PatchError.self) { try enter(trial, 1, 0.5) }
    #expect(error?.kind == .mismatch && error?.tensor == name)
  }

  @Test func `a model that lacks a tensor that the GRADIEND changes is refused`() throws {
    let name = try #require(source.base.tensors.first { source.changes($0) }).name
    let memory = LiveMemory(base.filter { $0.name != name })
    let error = #expect(throws: PatchError.self) { try LiveTrial(source, memory.model()) }
    #expect(error?.kind == .mismatch && error?.tensor == name)
  }

  @Test
  func `a file of the base that changed meanwhile does not give the base back, which is told`()
    throws
  {
    let memory = LiveMemory(base)
    let trial = try LiveTrial(source, memory.model())
    try enter(trial, 1, 0.5)
    let tensor = try #require(source.base.tensors.first { source.changes($0) })
    let start = tensor.descriptor.byteRange.lowerBound
    let byte = try folder.bytes(of: "base")[start]
    func write(_ byte: UInt8) throws {
      let file = try FileHandle(forUpdating: URL(fileURLWithPath: folder.path("base")))
      try file.seek(toOffset: UInt64(start))
      try file.write(contentsOf: Data([byte]))
      try file.close()
    }
    try write(byte ^ 1)
    let error = #expect(throws: PatchError.self) { try trial.leave(LiveBench.execution) }
    #expect(error?.kind == .unfinished && error?.tensor == tensor.name)
    // With the right file it does.
    try write(byte)
    try trial.leave(LiveBench.execution)
    #expect(memory.tensors == base)
  }

  /// Enters and leaves, on devices.
  private func failure(
    _ memory: LiveMemory, _ calls: DeviceCalls, _ cancellation: Cancellation? = nil
  ) throws -> PatchError? {
    let trial = try LiveTrial(source, memory.model(calls))
    let execution = Execution(threadCount: 2, cancellation: cancellation)
    let output = try output(1, 0.5)
    do throws(PatchError) {
      try trial.enter(output, execution)
      try trial.leave(execution)
      return nil
    } catch {
      if error.kind != .unfinished { #expect(memory.tensors == base) }
      // The device works again.
      try trial.leave(execution)
      #expect(memory.tensors == base)
      return error
    }
  }

  @Test func `a call of a device that fails, whichever it is, leaves the base, at last`() throws {
    for number in 0... {
      let calls = DeviceCalls { $0 == number }
      guard let error = try failure(LiveMemory(base), calls) else {
        #expect(calls.count <= number)
        return
      }
      #expect([.inputOutput, .unfinished].contains(error.kind))
    }
  }

  @Test func `a candidate that is cancelled at any call leaves the base`() throws {
    for number in 0... {
      let cancellation = Cancellation()
      let calls = DeviceCalls { call in
        if call == number { cancellation.cancel() }
        return false
      }
      let error = try failure(LiveMemory(base), calls, cancellation)
      #expect(error?.kind ?? .cancelled == .cancelled)
      if error == nil, calls.count <= number { return }
    }
  }
}
