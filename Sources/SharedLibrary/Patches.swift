// The header documents what it declares.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

internal import ByteIO
public import CGradiendPatch
internal import Checkpoints
internal import GradiendPatch
internal import Live
internal import PatchEngine
internal import PatchFormat

/// What ``gpatch_patch`` stands for.
final class Patch: Sendable {
  let file: PatchFile
  let texts: TensorTexts

  init(path: String) throws(PatchError) {
    file = try InputName(path).patch(isCopy: true)
    texts = TensorTexts(file.index.tensors.map { ($0.name, $0.elementType, $0.shape) })
  }

  /// - Throws: ``PatchError`` if there is no tensor of this number, or it has another length.
  func tensor(_ index: UInt64, byteCount: UInt64) throws(PatchError) -> PatchIndex.Tensor {
    guard index < file.index.tensors.count else {
      throw .argument("the patch has \(file.index.tensors.count) tensors, none is number \(index)")
    }
    let entry = file.index.tensors[Int(index)]
    try PatchError.checkByteCount(
      byteCount, of: entry.name, entry.elementType.byteCount(of: entry.shape) ?? 0)
    return entry
  }
}

@c @implementation
public func gpatch_patch_open(
  _ path: UnsafePointer<CChar>, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> OpaquePointer? {
  unsafe reporting(to: error, or: nil) { () throws(PatchError) in
    unsafe handle(try Patch(path: String(fileName: path)))
  }
}

@c @implementation
public func gpatch_patch_free(_ patch: OpaquePointer?) { unsafe free(patch, Patch.self) }

@c @implementation
public func gpatch_patch_tensor_count(_ patch: OpaquePointer) -> UInt64 {
  unsafe object(patch, Patch.self).texts.count
}

@c @implementation
public func gpatch_patch_tensor(
  _ patch: OpaquePointer, _ index: UInt64, _ tensor: UnsafeMutablePointer<gpatch_tensor>,
  _ changed_count: UnsafeMutablePointer<UInt64>
) -> Bool {
  let patch = unsafe object(patch, Patch.self)
  guard let found = unsafe patch.texts[index] else { return false }
  unsafe tensor.pointee = found
  let change = patch.file.index.tensors[Int(index)].change
  unsafe changed_count.pointee = UInt64(change?.elementCount ?? 0)
  return true
}

@c @implementation
public func gpatch_patch_transform(
  _ patch: OpaquePointer, _ index: UInt64, _ role: gpatch_role, _ input: UnsafeRawPointer,
  _ output: UnsafeMutableRawPointer, _ byte_count: UInt64,
  _ options: UnsafePointer<gpatch_options>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> Bool {
  unsafe reporting(to: error, or: false) { () throws(PatchError) in
    let patch = unsafe object(patch, Patch.self)
    let wanted = try CheckpointRole(role)
    let entry = try patch.tensor(index, byteCount: byte_count)
    let distance = unsafe (UnsafeRawPointer(output) - input).magnitude
    guard distance >= byte_count else {
      throw .argument("input and output of tensor '\(entry.name)' overlap", tensor: entry.name)
    }
    let patching = unsafe try TensorPatching(
      entry, of: patch.file, at: .init(UnsafeMutableRawPointer(mutating: input)),
      as: wanted == .base ? .result : .base)
    try unsafe patching.write(wanted, to: .init(output), Execution(options))
    return true
  }
}

@c @implementation
public func gpatch_patch_changes(
  _ patch: OpaquePointer, _ index: UInt64, _ role: gpatch_role, _ bytes: UnsafeRawPointer,
  _ byte_count: UInt64, _ options: UnsafePointer<gpatch_options>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> UnsafeMutablePointer<gpatch_changes>? {
  unsafe reporting(to: error, or: nil) { () throws(PatchError) in
    let patch = unsafe object(patch, Patch.self)
    let role = try CheckpointRole(role)
    let entry = try patch.tensor(index, byteCount: byte_count)
    let patching = unsafe try TensorPatching(
      entry, of: patch.file, at: .init(UnsafeMutableRawPointer(mutating: bytes)), as: role)
    let changes = try unsafe patching.changes(Execution(options))
    return unsafe gpatch_changes.allocated(changes)
  }
}

// MARK: - A patch and files

/// What ``gpatch_reader`` stands for.
final class Reader: Sendable {
  let patch: Patch
  let base: Checkpoint
  /// By the names of the patch's tensors.
  let placements: [String: TensorPlacement]

  init(_ patch: Patch, _ path: String) throws(PatchError) {
    self.patch = patch
    base = try InputName(path).checkpoint()
    let match = try PatchMatch(patch.file, base)
    placements = Dictionary(
      uniqueKeysWithValues: match.tensors.map { ($0.name, $0.placement) })
  }
}

@c @implementation
public func gpatch_reader_open(
  _ patch: OpaquePointer, _ checkpoint: UnsafePointer<CChar>,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> OpaquePointer? {
  unsafe reporting(to: error, or: nil) { () throws(PatchError) in
    unsafe handle(try Reader(object(patch), String(fileName: checkpoint)))
  }
}

@c @implementation
public func gpatch_reader_free(_ reader: OpaquePointer?) { unsafe free(reader, Reader.self) }

@c @implementation
public func gpatch_reader_read(
  _ reader: OpaquePointer, _ index: UInt64, _ role: gpatch_role,
  _ output: UnsafeMutableRawPointer, _ byte_count: UInt64,
  _ options: UnsafePointer<gpatch_options>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> Bool {
  unsafe reporting(to: error, or: false) { () throws(PatchError) in
    let reader = unsafe object(reader, Reader.self)
    let role = try CheckpointRole(role)
    let entry = try reader.patch.tensor(index, byteCount: byte_count)
    guard let placement = reader.placements[entry.name] else {
      throw .argument("tensor '\(entry.name)' is not in \(reader.base.path)", tensor: entry.name)
    }
    let patching = try TensorPatching(
      entry, at: placement, of: reader.patch.file, in: reader.base, as: .base)
    try unsafe patching.write(role, to: .init(output), Execution(options))
    return true
  }
}
