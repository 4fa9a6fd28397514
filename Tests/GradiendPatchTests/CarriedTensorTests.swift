import GradiendPatch
import PatchTestSupport
import TestSupport
import Testing

/// Small tensors that are longer or shorter in the result than in the base.
@Suite struct CarriedTensorTests {
  let bench: Workbench
  var pair = QuantisedPair()

  init() throws {
    bench = try Workbench()
    try bench.folder.write(pair.base, to: "base")
    try bench.folder.write(pair.result, to: "result")
  }

  // MARK: Both directions

  @Test func `a text of another length comes out as the publisher has it, in both directions`()
    throws
  {
    let summary = try bench.diff("base", "result", to: "patch")
    #expect(
      summary.notes == [
        "tensor '\(QuantisedPair.text)' has another shape in the result and is carried whole; the "
          + "patch fits these files only, with their headers"
      ])
    #expect(try bench.apply("patch", to: "base", as: "applied").notes.isEmpty)
    #expect(try bench.bytes("applied") == pair.result)
    #expect(try bench.strip("patch", from: "applied", as: "stripped").notes.isEmpty)
    #expect(try bench.bytes("stripped") == pair.base)
    for (name, role) in [("base", CheckpointRole.base), ("applied", .result)] {
      let verdict = try bench.verify(name, "patch")
      #expect(verdict.role == role)
      #expect(verdict.hasPublishedFiles)
    }
    var tracing = Verify(checkpoint: bench.path("result"), patch: bench.path("patch"))
    tracing.tracesBase = true
    #expect(try tracing.run().baseSHA256 == bench.verify("base", "patch").sha256)
  }

  @Test func `shards and shares carry such a text too`() throws {
    for (name, file) in [("base", pair.base), ("result", pair.result)] {
      try bench.folder.write(file, to: "folders/\(name)/model-1.safetensors")
      var other = SafetensorsBuilder()
      other.add("head", "U8", [3], [1, 2, name == "base" ? 3 : 4])
      try bench.folder.write(other.bytes, to: "folders/\(name)/model-2.safetensors")
      let names = ["layers.0.weight", QuantisedPair.text, "norm.weight"]
      let map =
        (names.map { #""\#($0)":"model-1.safetensors""# } + [
          #""head":"model-2.safetensors""#
        ]).joined(separator: ",")
      try bench.folder.write(
        #"{"weight_map":{\#(map)}}"#, to: "folders/\(name)/model.safetensors.index.json")
    }
    try bench.diff("folders/base", "folders/result", to: "whole")
    var pieces: [String] = []
    for index in 1...2 {
      var comparison = Diff(
        base: bench.path("folders/base"), result: bench.path("folders/result"),
        output: bench.path("joined"))
      comparison.share = try Share(index: index, count: 2)
      try pieces.append(#require(comparison.share).piece(of: comparison.output))
      _ = try comparison.run()
    }
    _ = try Join(pieces: pieces, output: bench.path("joined")).run()
    #expect(try bench.bytes("joined") == bench.bytes("whole"))
    let output = bench.path("applied")
    for index in 1...2 {
      _ = try Apply(
        base: bench.path("folders/base"), patch: bench.path("joined"),
        to: .share(Share(index: index, count: 2), of: output)
      ).run()
    }
    _ = try Apply(
      base: bench.path("folders/base"), patch: bench.path("joined"), to: .finishing(output)
    ).run()
    for file in ["model-1.safetensors", "model-2.safetensors"] {
      #expect(try bench.bytes("applied/\(file)") == bench.bytes("folders/result/\(file)"))
    }
  }

  @Test func `patches that carry the same texts follow each other`() throws {
    var next = pair
    next.texts = (pair.texts.result, "{}")
    // What was the result is the base of the second.
    try bench.folder.write(next.result, to: "last")
    try bench.diff("base", "result", to: "first")
    try bench.diff("result", "last", to: "second")
    let patches = ["first", "second"].map(bench.path)
    _ = try Apply(
      base: bench.path("base"), patches: patches, to: .files(bench.path("applied"))
    ).run()
    #expect(try bench.bytes("applied") == next.result)
    _ = try Combine(
      base: bench.path("base"), patches: patches, output: bench.path("combined")
    ).run()
    try bench.strip("combined", from: "last", as: "stripped")
    #expect(try bench.bytes("stripped") == pair.base)
  }

  // MARK: Refusals

  @Test func `a base with another text is not the base, and nothing is written`() throws {
    try bench.diff("base", "result", to: "patch")
    var other = pair
    other.texts.base = #"{"nested_offset": 0.07}"#
    try bench.folder.write(other.base, to: "other")
    let verdict = try bench.verify("other", "patch")
    #expect(verdict.role == nil)
    #expect(verdict.differingFromBase == [QuantisedPair.text])
    let error = try bench.refusal(.mismatch) { () throws(PatchError) in
      try bench.apply("patch", to: "other", as: "output")
    }
    #expect(error.tensor == QuantisedPair.text)
    #expect(error.message.contains("carries tensor '\(QuantisedPair.text)' whole"))
  }

  @Test func `files with another header are refused, as the text could not be told`() throws {
    try bench.diff("base", "result", to: "patch")
    var other = pair
    other.metadata = "saved again"
    try bench.folder.write(other.base, to: "other")
    #expect(try bench.verify("other", "patch").role == nil)
    try bench.refusal(.mismatch) { () throws(PatchError) in
      try bench.apply("patch", to: "other", as: "output")
    }
  }

  @Test func `values alone would leave codes without what has to be known of them`() throws {
    try bench.diff("base", "result", to: "patch")
    var patching = Patching(
      .apply, checkpoint: bench.path("base"), patch: bench.path("patch"),
      output: bench.path("output"))
    patching.valuesOnly = true
    try bench.refusal(.mismatch) { () throws(PatchError) in _ = try patching.run() }
    var inPlace = Patching(.apply, checkpoint: bench.path("base"), patch: bench.path("patch"))
    let error = try bench.refusal(.usage) { () throws(PatchError) in _ = try inPlace.run() }
    #expect(error.remedy == "write new files")
    inPlace.valuesOnly = true
    try bench.refusal(.mismatch) { () throws(PatchError) in _ = try inPlace.run() }
  }

  @Test func `diff refuses tensors of other shapes that cannot be carried`() throws {
    func expectRefusal(_ change: (inout Diff) -> Void = { _ in }) throws {
      var comparison = Diff(
        base: bench.path("base"), result: bench.path("result"), output: bench.path("patch"))
      change(&comparison)
      let error = try bench.refusal(.badInput) { () throws(PatchError) in
        _ = try comparison.run()
      }
      #expect(error.tensor == QuantisedPair.text)
      #expect(error.remedy?.hasPrefix("only small tensors, of up to 65536 bytes, may") ?? false)
    }
    try expectRefusal { $0.valuesOnly = true }
    try expectRefusal { $0.maxRelativeError = 0.1 }
    var long = pair
    long.texts.result = String(repeating: " ", count: 65_537)
    try bench.folder.write(long.result, to: "result")
    try expectRefusal()
    long.texts.result.removeLast()
    try bench.folder.write(long.result, to: "result")
    try bench.diff("base", "result", to: "patch")
  }

  @Test func `a tensor that the patch does not know is none that it carries`() throws {
    try bench.diff("base", "result", to: "patch")
    for name in ["base", "result"] {
      var model = RandomModel(seed: 5)
      if name == "result" { model.tensors.reverse() }
      try bench.write(model, to: "plain \(name)")
    }
    try bench.diff("plain base", "plain result", to: "plain")
    var more = RandomModel(seed: 5)
    more.tensors.append(.init(name: "more", type: "U8", shape: [2], bytes: [1, 2]))
    try bench.write(more, to: "more")
    let error = try bench.refusal(.mismatch) { () throws(PatchError) in
      try bench.apply("plain", to: "more", as: "output")
    }
    #expect(error.tensor == "more")
  }
}
