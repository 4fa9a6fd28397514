import PatchTestSupport
import ByteIO
import Checkpoints
import DeltaCoding
import Foundation
import GradiendPatch
import PatchFormat
import TestSupport

extension FuzzTarget {
  /// A patch whose digests of itself are sound, whatever it says: metadata, the index's table or
  /// its frame, deltas, and perhaps the result's layout or its frame. It is inspected, applied to the
  /// base of the sound ones, and stripped from their result, alone and behind a sound one.
  static let patch = FuzzTarget(
    name: "patch", byteLimit: 4096,
    seeds: {
      let stage = PatchStage.shared
      return try [stage.patch, stage.nextPatch, stage.sumPatch, stage.quantisedPatch].flatMap {
        path in
        let parts = try parts(ofPatch: path)
        return [
          Parts.join([parts.metadata, parts.table, parts.deltas]),
          Parts.join([parts.metadata, parts.frame, parts.deltas]),
          Parts.join([parts.metadata, parts.table, parts.deltas, PatchStage.layout]),
        ]
      }
    },
    run: { bytes in
      let parts = Parts.split(bytes, limit: 4)
      guard parts.count >= 3 else { return }
      let stage = PatchStage.shared
      let forged = ForgedPatch(
        metadata: parts[0], table: parts[1], deltas: parts[2],
        layouts: parts.count == 4 ? (PatchStage.layout, parts[3]) : nil)
      let path = stage.files.write(forged.bytes, to: "forged")
      _ = try? Inspect(path: path).run()
      for (direction, checkpoint, patches) in [
        (Direction.apply, stage.base, [path]), (.strip, stage.result, [path]),
        (.apply, stage.base, [stage.patch, path]), (.strip, stage.next, [stage.patch, path]),
      ] {
        var patching = Patching(
          direction, checkpoint: checkpoint, patches: patches,
          output: stage.files.path("output"))
        patching.overwrites = true
        patching.threadCount = 1
        _ = try? patching.run()
      }
    })

  /// What a forged patch is made of, from a sound one.
  static func parts(
    ofPatch path: String
  ) throws -> (metadata: [UInt8], table: [UInt8], frame: [UInt8], deltas: [UInt8]) {
    let patch = try PatchFile(path: path)
    let metadata = JSONValue.object(
      patch.metadata.entries.map { .init($0.key, .string($0.value)) })
    let frame = Array(patch.file.bytes.extracting(patch.indexByteRange).array.dropFirst(8))
    let table = try Zstd.decompress(
      frame.rawSpan, byteCount: Zstd.contentByteCount(frame.rawSpan) ?? 0)
    return (
      Array(metadata.text().utf8), Array(table.dropFirst(32)), frame,
      patch.file.bytes.extracting(patch.deltasByteRange).array
    )
  }
}

/// A patch that was written without asking whether it makes sense.
struct ForgedPatch {
  /// A JSON object.
  var metadata: [UInt8]
  /// The table of Formats/patch.md, section 4, behind its two digests; or a zstd frame of all of it.
  var table: [UInt8]
  var deltas: [UInt8]
  /// The base's layout, and the result's or a zstd frame of it.
  var layouts: (base: [UInt8], result: [UInt8])?

  private static let frameMagic: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD]

  var bytes: [UInt8] {
    let frame = table.starts(with: Self.frameMagic) ? table : Self.frame(digests + table)
    let index = SafetensorsBuilder.littleEndian([Digest64(of: frame.rawSpan).value]) + frame
    var payload: [UInt8] = []
    var entries = ""
    let layouts = layouts.map { [("layouts", Self.coded($0.base, $0.result))] } ?? []
    for (name, bytes) in [("deltas", deltas)] + layouts + [("index", index)] {
      let end = payload.count + bytes.count
      entries += #","\#(name)":{"dtype":"U8","shape":[\#(bytes.count)],"#
      entries += #""data_offsets":[\#(payload.count),\#(end)]}"#
      payload += bytes
    }
    let header = Array(#"{"__metadata__":"#.utf8) + metadata + Array((entries + "}").utf8)
    return SafetensorsBuilder.littleEndian([UInt64(header.count)]) + header + payload
  }

  /// The tensor of layouts: both frames are of the result's, whose dictionary they do not need.
  private static func coded(_ base: [UInt8], _ result: [UInt8]) -> [UInt8] {
    let isFrame = result.starts(with: frameMagic)
    let frame = isFrame ? result : Self.frame(result)
    var content = stored(Digest128(of: base.rawSpan))
    content += stored(Digest128(of: result.rawSpan))
    content.appendVariableLength(frame.count)
    content += frame + frame
    return SafetensorsBuilder.littleEndian([Digest64(of: content.rawSpan).value]) + content
  }

  private static func stored(_ digest: Digest128) -> [UInt8] {
    SafetensorsBuilder.littleEndian([digest.low, digest.high])
  }

  /// One frame that is not compressed.
  private static func frame(_ contents: [UInt8]) -> [UInt8] {
    // A single segment whose size takes four bytes, and one last raw block.
    frameMagic + [0xA0] + SafetensorsBuilder.littleEndian([UInt32(contents.count)])
      + SafetensorsBuilder.littleEndian([UInt32(contents.count) << 3 | 1]).prefix(3) + contents
  }

  private var digests: [UInt8] {
    let members = (try? JSONValue(parsing: metadata.rawSpan))?.members ?? []
    var text: [UInt8] = []
    for member in members.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      for part in [member.key, member.value.string ?? ""] {
        text.appendVariableLength(part.utf8.count)
        text += part.utf8
      }
    }
    let digests = [Digest128(of: text.rawSpan), Digest128(of: deltas.rawSpan)]
    return SafetensorsBuilder.littleEndian(digests.flatMap { [$0.low, $0.high] })
  }
}

/// A base, a result and the patches between them.
struct PatchStage {
  let files = ScratchFiles("patch")
  let base: String
  let result: String
  /// What comes after the result.
  let next: String
  let patch: String
  let nextPatch: String
  /// Of two GRADIENDs.
  let sumPatch: String
  let quantisedPatch: String
  let baseBytes: [UInt8]
  let resultBytes: [UInt8]

  static let shared: PatchStage = {
    do { return try PatchStage() } catch { fatalError("\(error)") }
  }()

  /// The stored form of the layout of base and result.
  static let layout: [UInt8] = {
    do { return CheckpointLayout(try Checkpoint(path: shared.base)).encoded } catch {
      fatalError("\(error)")
    }
  }()

  private init() throws {
    // Every kind of coding: floats of each type, words, and blocks in a file of their own.
    var model = RandomModel(seed: 8)
    model.tensors.removeAll { ["F4", "C64", "F8_E4M3"].contains($0.type) }
    baseBytes = model.file()
    resultBytes = model.changed(seed: 9).file()
    base = files.write(baseBytes, to: "base")
    result = files.write(resultBytes, to: "result")
    patch = files.path("sound")
    _ = try Diff(base: base, result: result, output: patch).run()
    next = files.write(model.changed(seed: 10).file(), to: "next")
    nextPatch = files.path("sound-next")
    _ = try Diff(base: result, result: next, output: nextPatch).run()
    let folder = try TemporaryDirectory()
    let gradiends = try (1...2 as ClosedRange<UInt64>).map { seed in
      var builder = GradiendBuilder(model.parameters(seed: seed), seed: seed)
      return try builder.write(to: folder, as: "gradiend-\(seed)")
    }
    sumPatch = files.path("sum")
    _ = try Create(
      base: base,
      adding: gradiends.map {
        Create.Summand(gradiend: $0, featureFactors: [1], learningRate: 0.01)
      },
      output: sumPatch
    ).run()
    let (before, after) = (files.path("before.gguf"), files.path("after.gguf"))
    quantisedPatch = files.path("quantised")
    for (path, change) in [(before, 0), (after, 1)] {
      var builder = GGUFBuilder()
      for (type, width) in [(2, 18), (8, 34), (12, 144)] as [(Int32, Int)] {
        let rows = type == 12 ? 2 : 4
        var bytes = (0..<rows * width).map { UInt8(truncatingIfNeeded: 37 * $0) }
        for index in stride(from: 5, to: bytes.count, by: 23) { bytes[index] &+= UInt8(change) }
        builder.tensors.append(
          .init("t\(type)", [type == 12 ? 256 : 32, Int64(rows)], type: type, bytes))
      }
      files.write(builder.bytes, to: String(path.split(separator: "/").last ?? ""))
    }
    _ = try Diff(base: before, result: after, output: quantisedPatch).run()
  }
}
