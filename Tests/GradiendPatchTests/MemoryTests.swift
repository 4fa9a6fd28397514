import ByteIO
import Checkpoints
import DeltaCoding
import PatchEngine
import PatchFormat
import Synchronization
import TestSupport
import Testing

/// The tensors of a model in memory, each in a buffer of its own.
private final class MemoryModel: TensorSource, TensorSink {
  let path = "a model in memory"
  let tensors: [StoredTensor]
  let convention = TensorConvention.huggingFace
  let configuration: ModelConfiguration? = nil
  let mappedFiles: [MappedFile] = []
  private let buffers: Mutex<[[UInt8]]>

  /// - Parameter checkpoint: whose tensors are copied, the last first.
  init(copying checkpoint: Checkpoint) {
    let copied = Array(checkpoint.tensors.reversed())
    tensors = copied.enumerated().map { index, tensor in
      var descriptor = tensor.descriptor
      descriptor.byteRange = 0..<tensor.byteCount
      return StoredTensor(descriptor: descriptor, fileIndex: index)
    }
    buffers = Mutex(copied.map { checkpoint.bytes(of: $0, in: 0..<$0.byteCount) })
  }

  subscript(name: String) -> StoredTensor? { tensors.first { $0.name == name } }

  func bytes(of tensor: StoredTensor, in byteRange: Range<Int>) -> [UInt8] {
    buffers.withLock { Array($0[tensor.fileIndex][byteRange]) }
  }

  func write(_ bytes: RawSpan, to tensor: StoredTensor, at offset: Int) {
    let new = bytes.array
    let range = offset..<offset + new.count
    buffers.withLock { $0[tensor.fileIndex].replaceSubrange(range, with: new) }
  }

  func holds(_ checkpoint: Checkpoint) -> Bool {
    tensors.allSatisfy { tensor in
      checkpoint[tensor.name].map { isSame(tensor, as: $0, of: checkpoint) } ?? false
    }
  }
}

/// Matching, checks and kernels know neither files nor memory.
@Suite struct MemoryTests {
  let bench: Workbench

  init() throws {
    bench = try Workbench()
    let base = RandomModel(seed: 14)
    try bench.write(base, to: "base")
    try bench.write(base.changed(seed: 15), to: "result")
    try bench.diff("base", "result", to: "patch")
  }

  @Test func `a model in memory is patched there and back as its files are`() throws {
    let base = try Checkpoint(path: bench.path("base"))
    let result = try Checkpoint(path: bench.path("result"))
    let patch = try PatchFile(path: bench.path("patch"))
    let model = MemoryModel(copying: base)
    let execution = Execution(threadCount: 2)
    for (direction, expected) in [(Direction.apply, result), (.strip, base), (.apply, result)] {
      let match = try PatchMatch(patch, model)
      try PatchRun(match, direction).run(execution) { (chunk, _, output) throws(PatchError) in
        try match.write(output.rawSpan, of: chunk, to: model)
      }
      #expect(model.holds(expected))
    }
  }

  @Test func `patches that follow each other are applied to it, and stripped, in one pass`() throws
  {
    try bench.write(RandomModel(seed: 14).changed(seed: 15).changed(seed: 16), to: "next")
    try bench.diff("result", "next", to: "patch-2")
    let (base, next) = (
      try Checkpoint(path: bench.path("base")), try Checkpoint(path: bench.path("next"))
    )
    let patches = try PatchSequence(
      ["patch", "patch-2"].map { (name) throws in try PatchFile(path: bench.path(name)) })
    let model = MemoryModel(copying: base)
    for (direction, expected) in [(Direction.apply, next), (.strip, base)] {
      let run = try PatchRun(patches, model, direction)
      try run.run(Execution(threadCount: 2)) { (chunk, _, output) throws(PatchError) in
        try run.match.write(output.rawSpan, of: chunk, to: model)
      }
      #expect(model.holds(expected))
    }
  }

  @Test func `a model in memory that is another is refused`() throws {
    let model = MemoryModel(copying: try Checkpoint(path: bench.path("result")))
    let match = try PatchMatch(PatchFile(path: bench.path("patch")), model)
    let error = #expect(throws: PatchError.self) {
      try PatchRun(match, .apply).run(Execution(threadCount: 1)) { _, _, _ in }
    }
    #expect(error?.kind == .mismatch && error?.path == "a model in memory")
  }
}
