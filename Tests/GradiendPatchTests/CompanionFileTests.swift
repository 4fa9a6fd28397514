import Foundation
import GradiendPatch
import TestSupport
import Testing

/// What a folder output brings along, and what not.
@Suite struct CompanionFileTests {
  let bench: Workbench

  init() throws {
    bench = try Workbench()
    let model = RandomModel(seed: 7)
    try bench.writeFolder(model, to: "base")
    try bench.writeFolder(model.changed(seed: 8), to: "result")
    try bench.diff("base", "result", to: "patch")
  }

  @Test func `weights of other frameworks stay behind, in any case and with anything behind`()
    throws
  {
    for name in [
      "rust_model.ot", "model.pdparams", "model.ckpt.data-00000-of-00001", "model.ckpt.index",
      "weights.npz", "Model.mlmodel", "model.SAFETENSORS", "model.safetensors.bak",
      "pytorch_model.bin", "pytorch_model.bin.index.json", "tf_model.h5", "model.Q4.gguf.part",
    ] {
      try bench.folder.write("weights", to: "base/" + name)
    }
    let kept = ["README.pt.md", "merges.txt", "tokenizer.model", "vocab.json"]
    for name in kept { try bench.folder.write("text", to: "base/" + name) }
    #expect(try companions() == (kept + ["config.json"]).sorted())
  }

  @Test func `a subfolder comes along unless it holds weights`() throws {
    for name in ["1_Pooling/config.json", "earlier/config.json", "earlier/model.safetensors"] {
      try bench.folder.write("{}", to: "base/" + name)
    }
    #expect(try companions() == ["1_Pooling", "1_Pooling/config.json", "config.json"])
  }

  @Test func `permissions are those of the input, as a copy has them`() throws {
    try bench.folder.write("run", to: "base/run.sh")
    for (name, mode) in [("", 0o750), ("/model.safetensors", 0o600), ("/run.sh", 0o755)] {
      #expect(chmod(bench.path("base" + name), mode_t(mode)) == 0)
    }
    try bench.apply("patch", to: "base", as: "out")
    let copied = Process()
    copied.executableURL = URL(fileURLWithPath: "/bin/cp")
    copied.arguments = ["-r", bench.path("base"), bench.path("copy")]
    try copied.run()
    copied.waitUntilExit()
    for name in ["", "/model.safetensors", "/run.sh", "/config.json"] {
      #expect(try permissions("out" + name) == permissions("copy" + name), "\(name)")
    }
    try bench.apply("patch", to: "base/model.safetensors", as: "file")
    #expect(try permissions("file") == 0o600)
  }

  private func permissions(_ name: String) throws -> Int? {
    let attributes = try FileManager.default.attributesOfItem(atPath: bench.path(name))
    return attributes[.posixPermissions] as? Int
  }

  /// What the output has besides its weights.
  private func companions() throws -> [String] {
    try bench.apply("patch", to: "base", as: "out")
    return try bench.folder.tree().filter { $0.hasPrefix("out/") && $0 != "out/model.safetensors" }
      .map { String($0.dropFirst("out/".count)) }.sorted()
  }
}
