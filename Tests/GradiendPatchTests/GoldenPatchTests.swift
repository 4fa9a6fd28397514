import ByteIO
import DeltaCoding
import Foundation
import GradiendPatch
import PatchFormat
import PatchTestSupport
import TestSupport
import Testing

/// Patches of format 1.0 that are read for ever.
@Suite struct GoldenPatchTests {
  static let folder = Fixtures.path("golden/1.0")
  static let isWriting = ProcessInfo.processInfo.environment["GRADIEND_PATCH_WRITE_GOLDEN"] == "1"

  let bench: Workbench

  init() throws { bench = try Workbench() }

  @Test(.disabled(if: isWriting, "they are being written"), arguments: GoldenPair.all)
  func `a golden patch is applied and stripped to the bytes of its time`(
    pair: GoldenPair
  ) throws {
    let (base, _) = try pair.paths(in: bench.folder)
    let golden = Self.patch(of: pair)
    #expect(try sums(of: pair, base: base, patch: golden) == Self.recordedSums(of: pair))
    #expect(
      try chunks(of: PatchFile(path: golden)).contains { ($0.first ?? 0) & 15 == pair.coding })
  }

  /// Frames of zstd are compared by their contents, as its versions pack them differently.
  @Test(.disabled(if: isWriting, "they are being written"), arguments: GoldenPair.all)
  func `the patch of the same pair is the golden one`(pair: GoldenPair) throws {
    try write(pair, to: bench.path("patch"))
    let written = try PatchFile(path: bench.path("patch"))
    let golden = try PatchFile(path: Self.patch(of: pair))
    #expect(written.metadata == golden.metadata)
    #expect(tensors(of: written) == tensors(of: golden))
    #expect(try chunks(of: written) == chunks(of: golden))
    #expect((written.layouts == nil) == (golden.layouts == nil))
  }

  @Test(.enabled(if: isWriting, "'make golden' writes them"))
  func `golden patches are written`() throws {
    var sums = ""
    for pair in GoldenPair.all {
      try write(pair, to: Self.patch(of: pair))
      let base = try pair.paths(in: bench.folder).base
      sums += try self.sums(of: pair, base: base, patch: Self.patch(of: pair))
    }
    try sums.write(toFile: Self.folder + "/SHA256SUMS", atomically: true, encoding: .utf8)
  }

  // MARK: Parts

  private static func patch(of pair: GoldenPair) -> String {
    folder + "/" + pair.name + ".safetensors"
  }

  private func write(_ pair: GoldenPair, to output: String) throws {
    let (base, result) = try pair.paths(in: bench.folder)
    var comparison = Diff(base: base, result: result, output: output)
    comparison.maxRelativeError = pair.maxRelativeError
    comparison.overwrites = true
    _ = try comparison.run()
  }

  /// SHA-256 of what applying the patch and then stripping it gives, as `sha256sum` writes them.
  private func sums(of pair: GoldenPair, base: String, patch: String) throws -> String {
    let (applied, stripped) = (bench.path("applied"), bench.path("stripped"))
    try run(.apply, base, patch, to: applied)
    try run(.strip, applied, patch, to: stripped)
    return try sum(pair.name + ".base", stripped) + sum(pair.name + ".result", applied)
  }

  private func run(
    _ direction: Direction, _ input: String, _ patch: String, to output: String
  ) throws {
    var patching = Patching(direction, checkpoint: input, patch: patch, output: output)
    patching.overwrites = true
    patching.synchronises = false
    _ = try patching.run()
  }

  private func sum(_ name: String, _ path: String) throws -> String {
    let bytes = try bench.folder.bytes(at: path)
    let digest = SHA256()
    digest.update(bytes.rawSpan)
    return digest.finish() + "  " + name + "\n"
  }

  private static func recordedSums(of pair: GoldenPair) throws -> String {
    try Fixtures.text("golden/1.0/SHA256SUMS").split(separator: "\n")
      .filter { $0.dropFirst(66).hasPrefix(pair.name + ".") }
      .map { $0 + "\n" }.joined()
  }

  /// The table without the places of chunks, which depend on how well zstd packed others.
  private func tensors(of patch: PatchFile) -> [PatchIndex.Tensor] {
    patch.index.tensors.map { tensor in
      var tensor = tensor
      tensor.change?.byteRange = 0..<0
      return tensor
    }
  }

  /// All chunks in their order, those of coding 0 unpacked.
  private func chunks(of patch: PatchFile) throws -> [[UInt8]] {
    var chunks: [[UInt8]] = []
    for tensor in patch.index.tensors {
      for range in try patch.chunkByteRanges(of: tensor) {
        let chunk = patch.file.bytes.extracting(range).array
        chunks.append(chunk.first == 0 ? try unpacked(chunk) : chunk)
      }
    }
    return chunks
  }

  private func unpacked(_ chunk: [UInt8]) throws -> [UInt8] {
    let frame = Array(chunk.dropFirst())
    let byteCount = Zstd.contentByteCount(frame.rawSpan) ?? 0
    let planes = try Zstd.decompress(frame.rawSpan, byteCount: byteCount)
    return [0] + planes
  }
}
