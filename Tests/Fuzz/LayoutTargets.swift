import ByteIO
import Checkpoints
import PatchFormat
import TestSupport

/// What a patch says of the files around the tensors.
extension FuzzTarget {
  static let layout = FuzzTarget(
    name: "layout", byteLimit: 2048,
    seeds: {
      try [sound.base, sound.result, sound.trimmed]
        + ReferenceGGUF.oddFiles().compactMap { path in
          (try? Checkpoint(path: path.path)).map { CheckpointLayout($0).encoded }
        }
    },
    run: { bytes in
      for names: Set<String> in [[], [carried]] {
        guard let layout = try? CheckpointLayout(parsing: bytes, settingAside: names) else {
          continue
        }
        expect(layout.encoded == bytes.array, "a layout reads back as it was")
        for file in layout.files {
          var end = 0
          for tensor in file.tensors where !tensor.byteRange.isEmpty {
            expect(tensor.byteRange.lowerBound >= end, "tensors do not overlap")
            end = tensor.byteRange.upperBound
          }
          expect(end <= file.byteCount, "every tensor lies in the file")
          let others = file.otherByteRanges.reduce(0) { $0 + $1.count }
          expect(others == file.otherBytes.count, "bytes that belong to no tensor have a place")
          let tensors = file.tensors.reduce(0) { $0 + $1.byteRange.count }
          expect(tensors + others == file.byteCount, "every byte has one place")
        }
      }
    })

  /// The tensor `layouts` behind its digest, which is made right.
  static let layoutFrames = FuzzTarget(
    name: "layout-frames", byteLimit: 2048,
    seeds: {
      [
        PatchLayouts(base: sound.base, result: sound.result),
        PatchLayouts(base: sound.base, result: sound.base),
        PatchLayouts(base: sound.base, result: sound.result, carried: ["a", carried]),
      ].map { Array($0.encoded.dropFirst(8)) }
    },
    run: { bytes in
      let digest = SafetensorsBuilder.littleEndian([Digest64(of: bytes).value])
      let whole = digest + bytes.array
      guard let layouts = try? PatchLayouts(parsing: whole.rawSpan) else { return }
      for input in [sound.base, sound.result] {
        if let result = try? layouts.result(given: input) { _ = result.count }
        if let base = try? layouts.base(given: input) { _ = base.count }
      }
    })

  private static let carried = "model.norm.weight"

  private static let sound: (base: [UInt8], result: [UInt8], trimmed: [UInt8]) = {
    let files = ScratchFiles("layout")
    let model = RandomModel(seed: 4)
    var other = model
    other.tensors.reverse()
    let paths = [
      files.write(model.file(), to: "base"),
      files.write(other.file(metadata: [("title", "other")]), to: "result"),
    ]
    do {
      let layouts = try paths.map { CheckpointLayout(try Checkpoint(path: $0)).encoded }
      let trimmed = try Checkpoint(path: paths[0]).settingAside([carried])
      return (layouts[0], layouts[1], CheckpointLayout(trimmed).encoded)
    } catch {
      fatalError("\(error)")
    }
  }()
}
