internal import ByteIO
internal import Checkpoints
internal import DeltaCoding
internal import PatchEngine
internal import Synchronization

/// Two states of a model, known by the words in which they differ and the digests of both.
struct LiveStates: Sendable {
  private let model: MemoryModel
  private let blocks: [LiveBlock]
  /// From the state whose words are the first of each pair to the other.
  private let direction: Direction
  /// The state that the model is in.
  private(set) var current: CheckpointRole
  /// The digests of all blocks, for each state.
  private let digests: [CheckpointRole: ChunkDigests]
  /// Whether the digests are known: the first move takes them.
  private var isMeasured = false

  init(_ model: MemoryModel, _ blocks: [LiveBlock], _ direction: Direction) {
    self.model = model
    self.blocks = blocks
    self.direction = direction
    current = direction.input
    digests = [
      .base: ChunkDigests(count: blocks.count), .result: ChunkDigests(count: blocks.count),
    ]
  }

  /// Whether the model is what the last move made of it.
  ///
  /// - Throws: ``PatchError`` if it cannot be read.
  func isIntact(_ execution: Execution) throws(PatchError) -> Bool {
    let isIntact = Atomic(true)
    try execution.silent.forEach(blocks.count) { (index) throws(PatchError) in
      if try !isBlock(index, in: current) { isIntact.store(false, ordering: .relaxed) }
    }
    return isIntact.load(ordering: .relaxed)
  }

  private func isBlock(_ index: Int, in role: CheckpointRole) throws(PatchError) -> Bool {
    try model.digest(of: blocks[index]) == digests[role]?.digest(of: index)
  }

  /// Makes the model what it is in a role; what was to be checked before, was.
  ///
  /// - Returns: whether anything was done.
  /// - Throws: ``PatchError``, as ``LivePatch/move(to:isChecked:_:)`` does.
  mutating func move(
    to role: CheckpointRole, isChecked: Bool, _ execution: Execution
  ) throws(PatchError) -> Bool {
    guard role != current else {
      if !isChecked { try checkWords() }
      return false
    }
    let begun = Mutex<[Int]>([])
    let buffers = BufferPool()
    do throws(PatchError) {
      try execution.silent.forEach(blocks.count) { [self] (index) throws(PatchError) in
        if !isMeasured { try measure(index, buffers) }
        try replace(index, towards: role, isChecked: isChecked) {
          begun.withLock { $0.append(index) }
        }
      }
    } catch {
      throw undo(
        begun.withLock { $0 }, towards: role, isChecked: isChecked, error, execution.uncancellable)
    }
    isMeasured = true
    current = role
    return true
  }

  /// Looks whether the words that differ are those of the state that the model is in.
  private func checkWords() throws(PatchError) {
    for index in blocks.indices
    where !model.holdsOldWords(blocks[index], words(index, towards: current.other)) {
      throw changed(blocks[index], "holds other values than when it was looked at last")
    }
  }

  /// The words of a block that a move replaces.
  private func words(_ index: Int, towards role: CheckpointRole) -> ChangedWords {
    role == direction.output ? blocks[index].words : blocks[index].words.reversed
  }

  /// Takes the digests of a block as it is, and as it will be.
  private func measure(_ index: Int, _ buffers: BufferPool) throws(PatchError) {
    try model.withBytes(of: blocks[index]) { (bytes) throws(PatchError) in
      let digest = Digest128(of: bytes)
      digests[direction.input]?.record(digest, of: index)
      let words = blocks[index].words
      guard !words.isEmpty else {
        digests[direction.output]?.record(digest, of: index)
        return
      }
      buffers.withBuffer(byteCount: bytes.byteCount) { copy in
        unsafe copy.withUnsafeMutableBytes { copy in
          unsafe bytes.withUnsafeBytes { unsafe copy.copyMemory(from: $0) }
        }
        words.replace(in: &copy)
        digests[direction.output]?.record(Digest128(of: copy.bytes), of: index)
      }
    }
  }

  /// Replaces the words of a block, and calls `begins` before.
  private func replace(
    _ index: Int, towards role: CheckpointRole, isChecked: Bool, _ begins: () -> Void
  ) throws(PatchError) {
    let block = blocks[index]
    guard !block.words.isEmpty else { return }
    let words = words(index, towards: role)
    guard model.holdsOldWords(block, words) else {
      throw changed(block, "holds other values than when it was looked at last")
    }
    begins()
    try model.replace(words, of: block)
    if isChecked, try !isBlock(index, in: role) {
      throw changed(block, "does not hold what was just written to it")
    }
  }

  private func changed(_ block: LiveBlock, _ message: String) -> PatchError {
    PatchError(
      .mismatch, path: model.path, tensor: block.tensor.name,
      "tensor '\(block.tensor.name)' \(message)",
      remedy: "leave the model alone while it is patched")
  }

  /// Puts the words back that were replaced.
  ///
  /// - Returns: what to throw.
  private func undo(
    _ begun: [Int], towards role: CheckpointRole, isChecked: Bool, _ error: PatchError,
    _ execution: Execution
  ) -> PatchError {
    do throws(PatchError) {
      try execution.forEach(begun.count) { (number) throws(PatchError) in
        let index = begun[number]
        try model.replace(words(index, towards: role).reversed, of: blocks[index])
        if isChecked, try !isBlock(index, in: current) {
          throw changed(blocks[index], "does not hold what it held before")
        }
      }
    } catch let second {
      return PatchError(
        .unfinished, path: model.path, tensor: error.tensor,
        "\(error.message); the model is half changed; undoing it failed, too: \(second.message)",
        remedy: "load the model again")
    }
    return PatchError(
      error.kind, path: error.path ?? model.path, tensor: error.tensor,
      "\(error.message); nothing was changed", remedy: error.remedy)
  }
}
