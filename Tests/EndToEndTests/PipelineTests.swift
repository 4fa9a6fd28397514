import Foundation
import TestSupport
import Testing

/// The scripts of Formats/pipeline.md, as they stand there, with a local cache in place of the Hub.
@Suite struct PipelineTests {
  let folder: TemporaryDirectory
  let python: String

  init() throws {
    folder = try TemporaryDirectory()
    python = try Python.interpreter(with: "huggingface_hub, model_signing, OpenSSL")
    let base = RandomModel(seed: 3)
    try folder.write(base.file(), to: "hub/org/Base-1B/model.safetensors")
    try folder.write(#"{"model_type":"llama"}"#, to: "hub/org/Base-1B/config.json")
    let card = "---\nlicense: llama3.2\nlanguage: [en]\npipeline_tag: text-generation\n---\n"
    try folder.write(card, to: "hub/org/Base-1B/README.md")
    try folder.write("terms", to: "hub/org/Base-1B/LICENSE.txt")
    var builder = GradiendBuilder(base.parameters(seed: 3), seed: 3)
    try builder.write(to: folder, as: "gradiend")
    for (name, script) in try Self.scripts() { try folder.write(script, to: name) }
    try folder.write("#!/bin/sh\ntest -e \"$1/config.json\"\n", to: "good")
    try folder.write("#!/bin/sh\nexit 1\n", to: "bad")
    let ready = try bash(
      """
      chmod +x good bad
      for name in private other; do
        openssl ecparam -name prime256v1 -genkey -noout -out $name.pem
        openssl ec -in $name.pem -pubout -out $name.public.pem
      done
      "$PYTHON" -B "$TOOLS/fill_cache.py" cache org/Base-1B=hub/org/Base-1B
      """)
    #expect(ready.status == 0, "\(ready.error)")
  }

  /// The blocks that name a file.
  private static func scripts() throws -> [(name: String, text: String)] {
    let parts = try Fixtures.page("pipeline.md").components(separatedBy: "```bash ")
    let scripts = parts.dropFirst().map { part in
      let lines = part.components(separatedBy: "```")[0].split(separator: "\n", maxSplits: 1)
      return (String(lines[0]), String(lines[1]))
    }
    #expect(scripts.map(\.0) == ["publish.sh", "consume.sh", "rollback.sh", "lineage.sh"])
    return scripts
  }

  private func bash(_ script: String, _ variables: [String: String] = [:]) throws
    -> Program.Outcome
  {
    var program = Program(folder: folder.path, executable: "/bin/bash")
    let tools = Fixtures.repository("Tests/hub")
    let binaries = [
      tools, URL(fileURLWithPath: Program.path).deletingLastPathComponent().path,
      URL(fileURLWithPath: python).deletingLastPathComponent().path,
    ]
    program.environment =
      [
        "PYTHON=\(python)", "TOOLS=\(tools)", "HUB=\(folder.path("hub"))",
        "HOME=\(folder.path)", "HF_HUB_CACHE=\(folder.path("cache"))",
      ] + variables.map { "\($0)=\($1)" }
    let path = "export PATH=\(binaries.joined(separator: ":")):$PATH\nset -e\n"
    return try program.run("-c", path + script)
  }

  private func publish(h: String = "-1", evaluation: String = "good") throws -> Program.Outcome {
    try bash(
      "bash publish.sh",
      [
        "BASE": "org/Base-1B", "GRADIEND": "gradiend", "H": h, "A": "0.01", "FEATURE": "gender",
        "REPOSITORY": "me/Llama-fair-patch", "PRIVATE_KEY": "private.pem",
        "EVALUATE": "./" + evaluation,
      ])
  }

  private func consume(
    key: String = "private.public.pem", test: String = "good"
  ) throws -> Program.Outcome {
    try bash(
      "bash consume.sh",
      ["PATCH": "me/Llama-fair-patch", "PUBLIC_KEY": key, "MODELS": "models", "TEST": "./" + test])
  }

  private func rollBack() throws -> Program.Outcome {
    try bash("bash rollback.sh", ["PATCH": "me/Llama-fair-patch", "MODELS": "models"])
  }

  private func verifies(as role: String) throws -> Bool {
    let outcome = try bash(
      "gradiend-patch verify models/current me/Llama-fair-patch --expect \(role)")
    return outcome.status == 0
  }

  @Test func `what a publisher uploads serves a user, who can go back`() throws {
    let published = try publish()
    #expect(published.status == 0, "\(published.error)")
    let uploaded = try folder.tree().filter { $0.hasPrefix("hub/me/Llama-fair-patch/") }
    #expect(
      uploaded.map { $0.replacing("hub/me/Llama-fair-patch/", with: "") } == [
        "LICENSE.txt", "NOTICE", "README.md", "SHA256SUMS", "changes.svg", "config.json",
        "gradiend_patch.safetensors", "model.sig",
      ])

    let consumed = try consume()
    #expect(consumed.status == 0, "\(consumed.error)")
    #expect(try verifies(as: "result"))
    #expect(try folder.bytes(of: "models/current/config.json").count > 0)

    // There was no model before, so the way back leads to the base.
    let back = try rollBack()
    #expect(back.status == 0, "\(back.error)")
    #expect(try verifies(as: "base"))

    // A second patch, of another strength; the way back from it leads to what it replaced.
    #expect(try consume().status == 0)
    let first = try folder.bytes(of: "models/current/model.safetensors")
    #expect(try publish(h: "1").status == 0)
    #expect(try consume().status == 0)
    #expect(try verifies(as: "result"))
    #expect(try folder.bytes(of: "models/current/model.safetensors") != first)
    #expect(try rollBack().status == 0)
    #expect(try folder.bytes(of: "models/current/model.safetensors") == first)
  }

  @Test func `the signature of the base's maker is verified without the base`() throws {
    let made = try bash(
      """
      cp -R hub/org/Base-1B signed
      model_signing sign key signed --private_key private.pem --signature signed/model.sig
      gradiend-patch create signed gradiend -o patch --feature-factor=-1 --learning-rate=0.01
      gradiend-patch apply signed patch -o result
      rm -r signed
      """)
    #expect(made.status == 0, "\(made.error)")
    func verify(key: String = "private.public.pem") throws -> Program.Outcome {
      try bash(
        "bash lineage.sh", ["RESULT": "result", "PATCH": "patch", "BASE_PUBLIC_KEY": key])
    }
    let verified = try verify()
    #expect(verified.status == 0, "\(verified.error)")
    #expect(verified.output == "result is derived from what private.public.pem signed\n")
    #expect(try verify(key: "other.public.pem").status != 0)
    for name in ["result/model.safetensors", "result/config.json", "patch", "result/model.sig"] {
      let bytes = try folder.bytes(of: name)
      for offset in [bytes.count / 3, bytes.count - 4] {
        var changed = bytes
        changed[offset] ^= 1
        try folder.write(changed, to: name)
        #expect(try verify().status != 0, "\(name) \(offset)")
      }
      try folder.write(bytes, to: name)
    }
    #expect(try verify().status == 0)
  }

  @Test func `a model that is not good enough is not published`() throws {
    #expect(try publish(evaluation: "bad").status == 1)
    #expect(try !folder.tree().contains { $0.hasPrefix("hub/me") })
  }

  @Test func `what is not signed or fails the user's test never gets into service`() throws {
    #expect(try publish().status == 0)
    #expect(try consume(test: "bad").status == 1)
    #expect(try !folder.tree().contains("models/current"))
    let stranger = try consume(key: "other.public.pem")
    #expect(stranger.status != 0)

    // Somebody changes the patch's card on the Hub.
    let card = "hub/me/Llama-fair-patch/README.md"
    try folder.write(folder.bytes(of: card) + Array("trust me".utf8), to: card)
    let filled = try bash(
      "\"$PYTHON\" -B \"$TOOLS/fill_cache.py\" cache me/Llama-fair-patch=hub/me/Llama-fair-patch")
    #expect(filled.status == 0, "\(filled.error)")
    let changed = try consume()
    #expect(changed.status != 0)
    #expect(changed.error.contains("Verification failed"), "\(changed.error)")
    #expect(try !folder.tree().contains("models/current"))
  }
}
