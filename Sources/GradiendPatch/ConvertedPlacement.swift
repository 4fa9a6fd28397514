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

  func bytes(of item: ChunkPlan.Item) throws(PatchError) -> [UInt8] {
    let view = views[item.tensorIndex]
    let file = checkpoint.file(of: view.stored[0])
    let stored =
      view.storedRange(of: item).map { file.copy(of: $0) } ?? view.gather(item, from: file)
    guard !view.conversion.isIdentity else { return stored }
    var values = [UInt8](uninitializedByteCount: item.byteRange.count)
    var fault: Int?
    values.withMutableRawSpan { fault = view.conversion.read(stored.rawSpan, into: &$0) }
    if let fault {
      throw PatchError(
        .mismatch, path: checkpoint.path, tensor: view.storedName,
        "tensor '\(view.storedName)' does not hold \(view.tensor.elementType.name) values as a "
          + "converter leaves them: \(element(fault, of: item)) cannot be read back from "
          + view.conversion.stored.name,
        remedy: "the patch is for a base in \(view.tensor.elementType.name)")
    }
    return values
  }

  func remark(onTensor index: Int) -> String {
    let conversion = views[index].conversion
    guard conversion.losesValues else { return "" }
    return "; it is stored in \(conversion.stored.name), which does not hold all "
      + "\(conversion.value.name) values"
  }

  /// Names an element of a chunk, and its tensor where the patch has another name for it.
  private func element(_ index: Int, of item: ChunkPlan.Item) -> String {
    let view = views[item.tensorIndex]
    let element = "element \(item.chunk.firstElement + index)"
    return view.tensor.name == view.storedName ? element : "\(element) of '\(view.tensor.name)'"
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
          "tensor '\(view.storedName)': \(element(first, of: item)) does not fit "
            + "\(view.conversion.stored.name), so strip could not give this file back",
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
