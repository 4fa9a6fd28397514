import Foundation
import TestSupport
import Testing

/// A checkpoint, its result and the patch between them, of a size that takes a while to change, and
/// copies that are changed.
///
/// A part of the base is zeros that take no room on the disk until they are written.
struct KillScene {
  let folder: TemporaryDirectory
  let program: Program
  /// Names of the weight files in the folders `base`, `result` and `disk/model`.
  let files: [String]
  /// What is named on the command line.
  let checkpoint: String

  static let kinds = ["file", "shards", "F32 copies", "GGUF set with a tied head"]

  init(_ kind: String, seed: UInt64) throws {
    folder = try TemporaryDirectory()
    program = Program(folder: folder.path)
    if kind.hasPrefix("GGUF") {
      let pair = TiedGGUF(scale: 120)
      try pair.write(to: folder)
      (files, checkpoint) = (pair.names, "disk/model/" + pair.names[0])
      try makePatch("base.hf", "result.hf")
      return
    }
    let count = kind == "shards" ? 3 : 1
    files = count == 1 ? ["model.safetensors"] : (1...count).map { "model-\($0).safetensors" }
    checkpoint = "disk/model"
    try Self.write(in: folder, files, isWide: kind == "F32 copies", seed: seed)
    let ending = kind == "F32 copies" ? ".narrow" : ""
    try makePatch("base" + ending, "result" + ending)
  }

  private func makePatch(_ base: String, _ result: String) throws {
    let made = try program.run("diff", base, result, "-o", "patch", "--values-only")
    try #require(made.status == 0, "\(made.error)")
  }

  /// Writes base and result as BF16, or as F32 with BF16 beside them.
  private static func write(
    in folder: TemporaryDirectory, _ files: [String], isWide: Bool, seed: UInt64
  ) throws {
    var generator = SeededGenerator(seed: seed)
    let base = (0..<32).map { tensor in
      (0..<64 * 256).map { _ in
        tensor % 8 == 3 ? 0 : UInt16.random(in: 0x3C00...0x3F80, using: &generator)
      }
    }
    let result = base.map {
      $0.map { $0 + (Int.random(in: 0..<20, using: &generator) == 0 ? 1 : 0) }
    }
    for (name, tensors) in [("base", base), ("result", result)] {
      var index: [String] = []
      for (number, file) in files.enumerated() {
        var (narrow, wide) = (SafetensorsBuilder(), SafetensorsBuilder())
        for (tensor, values) in tensors.enumerated() where tensor % files.count == number {
          let floats = values.map { Float(bitPattern: UInt32($0) << 16) }
          narrow.add("t\(tensor)", "BF16", [64, 256], SafetensorsBuilder.littleEndian(values))
          wide.add("t\(tensor)", shape: [64, 256], floats: floats)
          index.append(#""t\#(tensor)":"\#(file)""#)
        }
        try folder.write(isWide ? wide.bytes : narrow.bytes, to: "\(name)/\(file)")
        if isWide { try folder.write(narrow.bytes, to: "\(name).narrow/\(file)") }
      }
      guard files.count > 1 else { continue }
      try folder.write(
        #"{"weight_map":{\#(index.joined(separator: ","))}}"#,
        to: "\(name)/model.safetensors.index.json")
    }
  }

  /// Makes the model a copy of `source`, without the zeros.
  func copy(_ source: String) throws {
    try? folder.remove("disk/model")
    let shell = Program(folder: folder.path, executable: "/bin/cp")
    let copied = try shell.run("-r", "--sparse=always", source, "disk/model")
    try #require(copied.status == 0, "\(copied.error)")
  }

  func isSame(as source: String) throws -> Bool {
    try files.allSatisfy {
      try folder.bytes(of: "disk/model/\($0)") == folder.bytes(of: "\(source)/\($0)")
    }
  }

  var hasJournal: Bool {
    FileManager.default.fileExists(
      atPath: folder.path("disk/model/.\(files[0]).gradiend-patch-journal"))
  }

  /// Whether nothing but the model is there.
  func isClean() throws -> Bool {
    try FileManager.default.contentsOfDirectory(atPath: folder.path("disk/model")).sorted()
      == FileManager.default.contentsOfDirectory(atPath: folder.path("base")).sorted()
  }
}
