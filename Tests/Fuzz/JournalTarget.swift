import ByteIO
import GradiendPatch
import TestSupport

extension FuzzTarget {
  /// A journal whose digests are sound, whatever it says, beside a base: what it says of the change,
  /// files included, and the records of both slots, each with its contents. The same command is run
  /// again, or rolls back, as the first byte says.
  static let journal = FuzzTarget(
    name: "journal", byteLimit: 2048,
    seeds: {
      let head: [UInt8] =
        SafetensorsBuilder.littleEndian([0, 256, 8192] as [UInt64]) + [1, 4] + Array("base".utf8)
      let record = SafetensorsBuilder.littleEndian([1, 0, 1, 64] as [UInt64])
      return [0, 1].flatMap { first in
        [
          Parts.join([[first], head, [], []]), Parts.join([[first], head, record, []]),
          Parts.join([[first], head, record + Array(repeating: 7, count: 64), record]),
        ]
      }
    },
    run: { bytes in
      let parts = Parts.split(bytes, limit: 4)
      guard parts.count == 4, let first = parts[0].first else { return }
      let stage = PatchStage.shared
      let base = files.write(stage.baseBytes, to: "base")
      files.write(
        ForgedJournal(head: parts[1], records: Array(parts[2...]), patch: patchDigest).bytes,
        to: ".base.gradiend-patch-journal")
      var patching = InPlacePatching(
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
