internal import ByteIO
internal import Checkpoints
internal import PatchFormat
internal import Synchronization

/// Tensors that are read back from what a converter made of them.
struct ConvertedPlacement: TensorPlacement {
  let checkpoint: Checkpoint
  /// One for each tensor of the binding.
  let views: [TensorView]
  /// Counts the values that the stored types cannot hold; nil if there must be none.
  let lossCounter: LossCounter?

  func withBytes(
    of item: ChunkPlan.Item, _ body: (RawSpan) throws(PatchError) -> Void
  ) throws(PatchError) {
    let view = views[item.tensorIndex]
    let file = checkpoint.file(of: view.stored[0])
    guard let range = view.storedRange(of: item) else {
      let gathered = view.gather(item, from: file)
      return try convert(gathered.rawSpan, view, item, body)
    }
    file.populatePages(in: range)
    defer { file.releasePages(in: range) }
    try convert(file.bytes.extracting(range), view, item, body)
  }

  func remark(onTensor index: Int) -> String {
    let conversion = views[index].conversion
    guard conversion.losesValues else { return "" }
    return "; it is stored in \(conversion.stored.name), which does not hold all "
      + "\(conversion.value.name) values"
  }

  private func convert(
    _ stored: RawSpan, _ view: TensorView, _ item: ChunkPlan.Item,
    _ body: (RawSpan) throws(PatchError) -> Void
  ) throws(PatchError) {
    guard !view.conversion.isIdentity else { return try body(stored) }
    var values = [UInt8](uninitializedByteCount: item.byteRange.count)
    var fault: Int?
    values.withMutableRawSpan { fault = view.conversion.read(stored, into: &$0) }
    if let fault {
      throw PatchError(
        .mismatch, path: checkpoint.path, tensor: view.storedName,
        "tensor '\(view.storedName)' does not hold \(view.tensor.elementType.name) values as a "
          + "converter leaves them: element \(item.chunk.firstElement + fault) of '\(view.tensor.name)' cannot be read "
          + "back from \(view.conversion.stored.name)",
        remedy: "the patch is for a base in \(view.tensor.elementType.name)")
    }
    try body(values.rawSpan)
  }

  func write(
    _ bytes: RawSpan, of item: ChunkPlan.Item, to output: any TensorOutput
  ) throws(PatchError) {
    let view = views[item.tensorIndex]
    guard !view.conversion.isIdentity else {
      return try view.scatter(bytes, of: item, to: output)
    }
    let count = item.chunk.rows * item.chunk.columns
    var stored = [UInt8](uninitializedByteCount: count * view.conversion.storedWidth)
    var losses: FloatConversion.Losses = (0, nil)
    stored.withMutableRawSpan { losses = view.conversion.write(bytes, into: &$0) }
    if let first = losses.first {
      guard let lossCounter else {
        throw PatchError(
          .mismatch, path: checkpoint.path, tensor: view.storedName,
          "tensor '\(view.storedName)': element \(item.chunk.firstElement + first) of "
            + "'\(view.tensor.name)' does not fit \(view.conversion.stored.name), so strip could not "
            + "give this file back",
          remedy:
            "with --output, --undo FILE keeps what that needs; a copy in F32 or "
            + "\(view.tensor.elementType.name) needs none")
      }
      lossCounter.add(losses.count)
    }
    try view.scatter(stored.rawSpan, of: item, to: output)
  }
}

/// Counts values that were rounded when they were stored.
final class LossCounter: Sendable {
  private let total = Mutex(0)

  var count: Int { total.withLock { $0 } }

  func add(_ count: Int) { total.withLock { $0 += count } }
}
