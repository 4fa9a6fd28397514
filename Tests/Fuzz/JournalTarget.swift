import PatchTestSupport
import ByteIO
import Checkpoints
import DeltaCoding
import GradiendPatch
import PatchFormat
import TestSupport

extension FuzzTarget {
  /// A journal whose digests are sound, whatever it says, beside a base: what it says of the change,
  /// files included, and the records of both slots, each with its contents. A record of 33 bytes has
  /// the contents that its batch must have, those of the result if its last byte is odd. The same
  /// command is run again, or rolls back, as the first byte says.
  static let journal = FuzzTarget(
    name: "journal", byteLimit: 2048,
    seeds: {
      let head: [UInt8] =
        SafetensorsBuilder.littleEndian([0, 256, 8192] as [UInt64]) + [1, 4] + Array("base".utf8)
      let record = SafetensorsBuilder.littleEndian([1, 0, 1, 64] as [UInt64])
      let last = SafetensorsBuilder.littleEndian([UInt64(Int.max), 0, 1, 0])
      let records: [[[UInt8]]] = [
        [[], []], [record, []], [record + Array(repeating: 7, count: 64), record],
        [record + [1], []], [last + [1], []], [record + [1], last + [0]],
      ]
      return [0, 1].flatMap { first in records.map { Parts.join([[first], head] + $0) } }
    },
    run: { bytes in
      let parts = Parts.split(bytes, limit: 4)
      guard parts.count == 4, let first = parts[0].first else { return }
      let stage = PatchStage.shared
      let base = files.write(stage.baseBytes, to: "base")
      files.write(
        ForgedJournal(
          head: parts[1], records: parts[2...].map { completed($0, parts[1]) }, patch: patchDigest
        ).bytes,
        to: ".base.gradiend-patch-journal")
      var patching = Patching(
        first & 2 == 0 ? .apply : .strip, checkpoint: base, patch: stage.patch)
      patching.rollsBack = first & 1 == 1
      patching.threadCount = 1
      _ = try? patching.run()
      let after = try? file(base)
      let isWhole = after == stage.baseBytes || after == stage.resultBytes
      expect(isWhole, "a journal never leaves a checkpoint that is neither base nor result")
      files.remove(".base.gradiend-patch-journal")
    })

  private static let files = ScratchFiles("journal")

  /// A record with what its batch must have, if it asks for that.
  private static func completed(_ record: [UInt8], _ head: [UInt8]) -> [UInt8] {
    guard record.count == 33, head.count >= 16,
      let limit = Int(exactly: integer(head, at: 8)), limit > 0,
      let batch = Int(exactly: integer(record, at: 8))
    else { return record }
    var batches: [[TensorDescriptor]] = []
    var room = 0
    for tensor in changed {
      if batches.isEmpty || tensor.byteRange.count > room {
        batches.append([])
        room = limit
      }
      room -= tensor.byteRange.count
      batches[batches.count - 1].append(tensor)
    }
    guard batches.indices.contains(batch) else { return record }
    let source = record[32] & 1 == 1 ? PatchStage.shared.resultBytes : PatchStage.shared.baseBytes
    let contents = batches[batch].flatMap { source[$0.byteRange] }
    return record[..<24] + SafetensorsBuilder.littleEndian([UInt64(contents.count)]) + contents
  }

  private static func integer(_ bytes: [UInt8], at position: Int) -> UInt64 {
    bytes[position..<position + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
  }

  /// What the patch changes, in the order of the file.
  private static let changed: [TensorDescriptor] = {
    do {
      let patch = try PatchFile(path: PatchStage.shared.patch)
      return try Checkpoint(path: PatchStage.shared.base).tensors.map(\.descriptor)
        .filter { patch[$0.name]?.change != nil }
    } catch { fatalError("\(error)") }
  }()

  private static let patchDigest: [UInt8] = {
    let bytes = (try? file(PatchStage.shared.patch)) ?? []
    return ForgedJournal.stored(Digest128(of: bytes.rawSpan))
  }()
}

/// A journal that was written without asking whether it makes sense (Formats/journal.md, section 4).
private struct ForgedJournal {
  /// Direction, batch limit and byte count of a slot, then what follows the patch's digest.
  var head: [UInt8]
  /// Four numbers, then the contents.
  var records: [[UInt8]]
  var patch: [UInt8]

  private static let slotByteCount = 8192

  var bytes: [UInt8] {
    let fields = head.prefix(24) + patch + head.dropFirst(24)
    var bytes = Array("gpatchjl".utf8)
    bytes += SafetensorsBuilder.littleEndian([1, UInt32(16 + fields.count + 16)])
    bytes += fields
    bytes += Self.stored(Digest128(of: bytes.rawSpan))
    for record in records {
      bytes += Array(repeating: 0, count: -bytes.count & 4095)
      let contents = Array(record.dropFirst(32))
      var slot = record.prefix(32) + Self.stored(Digest128(of: contents.rawSpan))
      slot += SafetensorsBuilder.littleEndian([Digest64(of: Array(slot).rawSpan).value])
      slot += Array(repeating: 0, count: max(0, 4096 - slot.count)) + contents
      bytes += slot + Array(repeating: 0, count: max(0, Self.slotByteCount - slot.count))
    }
    return bytes
  }

  static func stored(_ digest: Digest128) -> [UInt8] {
    SafetensorsBuilder.littleEndian([digest.low, digest.high])
  }
}
