import Checkpoints
import GradiendPatch
import PatchFormat
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
        "tensor '\(QuantisedPair.text)' has another type or shape in the result and is carried whole; the "
          + "patch fits these files only, with their headers"
      ])
    #expect(
      try Inspect(path: bench.path("patch")).run().patch?.carriedTensors == [QuantisedPair.text])
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
    try bench.refusal(.usage) { () throws(PatchError) in
      _ = try Combine(
        base: bench.path("base"), patches: patches, output: bench.path("combined")
      ).run()
    }
  }

  @Test func `other types, empty tensors and tensors of another shard are carried too`() throws {
    for (name, type, shape, bytes) in [
      ("base", "BF16", [2], [0, 0x3F, 0, 0x40]), ("result", "F32", [1], [1, 2, 3, 4]),
    ] as [(String, String, [Int], [UInt8])] {
      var first = SafetensorsBuilder()
      first.add("codes", "U8", [3], [1, 2, name == "base" ? 3 : 4])
      var second = SafetensorsBuilder()
      second.add("empty", "U8", name == "base" ? [0] : [0, 3], [])
      second.add("scale", type, shape, bytes)
      for (number, file) in [first, second].enumerated() {
        try bench.folder.write(file.bytes, to: "\(name)s/model-\(number).safetensors")
      }
      try bench.folder.write(
        #"{"weight_map":{"codes":"model-0.safetensors","empty":"model-1.safetensors","#
          + #""scale":"model-1.safetensors"}}"#, to: "\(name)s/model.safetensors.index.json")
    }
    try bench.diff("bases", "results", to: "patch")
    #expect(try PatchFile(path: bench.path("patch")).layouts?.carried == ["empty", "scale"])
    try bench.apply("patch", to: "bases", as: "applied")
    try bench.strip("patch", from: "applied", as: "stripped")
    for number in 0..<2 {
      let file = "model-\(number).safetensors"
      #expect(try bench.bytes("applied/\(file)") == bench.bytes("results/\(file)"))
      #expect(try bench.bytes("stripped/\(file)") == bench.bytes("bases/\(file)"))
    }
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
    try bench.refusal(.usage) { () throws(PatchError) in _ = try inPlace.run() }
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
      #expect(error.remedy?.hasPrefix("only tensors of up to 65536 bytes, and ") ?? false)
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

  @Test func `something has to be left that a patch can be of`() throws {
    for (name, length) in [("one", 1), ("other", 2)] {
      var builder = SafetensorsBuilder()
      builder.add("text", "U8", [length], Array(repeating: 0, count: length))
      try bench.folder.write(builder.bytes, to: name)
    }
    let error = try bench.refusal(.badInput) { () throws(PatchError) in
      try bench.diff("one", "other", to: "patch")
    }
    #expect(error.message == "tensor 'text' is U8 [2], in the base it is U8 [1]")
  }

  @Test func `chains ask the last patch for the SHA-256 of its files`() throws {
    try bench.folder.write(pair.base, to: "last")
    try bench.diff("base", "result", to: "first")
    var comparison = Diff(
      base: bench.path("result"), result: bench.path("last"), output: bench.path("second"))
    comparison.hashesFiles = false
    _ = try comparison.run()
    // It leads back to the base, but nobody can know.
    var patching = Patching(
      .apply, checkpoint: bench.path("base"), patches: ["first", "second"].map(bench.path),
      output: bench.path("output"))
    _ = try patching.run()
    #expect(try bench.bytes("output") == pair.base)
    patching.output = bench.path("other")
    patching.checksSHA256 = true
    let error = try bench.refusal(.usage) { () throws(PatchError) in _ = try patching.run() }
    #expect(error.path == bench.path("second"))
  }

  @Test func `a patch is not applied twice, whatever it carries`() throws {
    try bench.diff("base", "result", to: "patch")
    let again = try bench.refusal(.mismatch) { () throws(PatchError) in
      try bench.apply("patch", to: "result", as: "output")
    }
    #expect(again.message == "the patch is applied already: these are the result's values")
    let early = try bench.refusal(.mismatch) { () throws(PatchError) in
      try bench.strip("patch", from: "base", as: "output")
    }
    #expect(early.message == "the patch is not applied: these are the base's values")
  }

  @Test func `a model without the text is none that the patch is for`() throws {
    try bench.diff("base", "result", to: "patch")
    var model = SafetensorsBuilder()
    model.add("layers.0.weight", "U8", [4_000, 1], Array(repeating: 0, count: 4_000))
    model.add("norm.weight", "BF16", [2], [0, 0x3F, 0, 0x3F])
    try bench.folder.write(model.bytes, to: "bare")
    func expectRefusal(_ command: () throws(PatchError) -> Void) throws {
      let error = try bench.refusal(.mismatch, command)
      #expect(error.tensor == QuantisedPair.text)
      #expect(error.message.contains("carries tensor '\(QuantisedPair.text)' whole"))
    }
    try expectRefusal { () throws(PatchError) in
      try bench.apply("patch", to: "bare", as: "output")
    }
    try expectRefusal { () throws(PatchError) in _ = try bench.verify("bare", "patch") }
    let export = Export(
      patch: bench.path("patch"), base: bench.path("base"), output: bench.path("output"))
    try expectRefusal { () throws(PatchError) in _ = try export.run() }
  }

  @Test func `nothing changes in place that would come back to the same header`() throws {
    // The last result has other codes than the base, and its text.
    var last = pair
    last.texts.result = pair.texts.base
    try bench.folder.write(last.result, to: "last")
    try bench.diff("base", "result", to: "first")
    try bench.diff("result", "last", to: "second")
    var patching = Patching(.apply, checkpoint: bench.path("base"), patch: bench.path("first"))
    patching.patches.append(bench.path("second"))
    try bench.refusal(.usage) { () throws(PatchError) in _ = try patching.run() }
  }

  @Test func `patches that carry other tensors are taken one after the other`() throws {
    // The text stays as long from here on, and so is a tensor like others.
    var next = pair
    next.texts.result = pair.texts.result.replacing("0.06", with: "0.07")
    try bench.folder.write(next.result, to: "last")
    try bench.diff("base", "result", to: "first")
    try bench.diff("result", "last", to: "second")
    let error = try bench.refusal(.mismatch) { () throws(PatchError) in
      _ = try Apply(
        base: bench.path("base"), patches: ["first", "second"].map(bench.path),
        to: .files(bench.path("output"))
      ).run()
    }
    #expect(error.remedy == "take the patches one after the other")
    try bench.apply("first", to: "base", as: "middle")
    try bench.apply("second", to: "middle", as: "output")
    #expect(try bench.bytes("output") == next.result)
  }

  @Test func `a tensor that the patch does not know is none that it carries`() throws {
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
    #expect(error.message == "tensor 'more' is not in the patch's base")
  }

  @Test func `a header that carries other tensors is refused, and nothing is written`() throws {
    try bench.diff("base", "result", to: "patch")
    let own = CheckpointLayout(
      try Checkpoint(path: bench.path("base")).settingAside([QuantisedPair.text])
    ).encoded
    let whole = CheckpointLayout(try Checkpoint(path: bench.path("result"))).encoded
    let carried = [QuantisedPair.text]
    // The tensor that may be carried is too long in the result.
    var long = pair
    long.texts.result = String(repeating: " ", count: 65_537)
    try bench.folder.write(long.result, to: "long")
    let tooLong = CheckpointLayout(
      try Checkpoint(path: bench.path("long")).settingAside([QuantisedPair.text])
    ).encoded
    for layouts in [
      PatchLayouts(base: own, result: tooLong, carried: carried),
      // The text counts as a tensor; there are no bytes of it; it has another name.
      PatchLayouts(base: own, result: whole, carried: carried),
      PatchLayouts(base: own, result: whole, carried: []),
      PatchLayouts(base: own, result: whole, carried: ["other"]),
      PatchLayouts(base: own, result: own, carried: carried + ["norm.weight"]),
    ] {
      try bench.forge(layouts)
      #expect(throws: PatchError.self) { try bench.apply("forged", to: "base", as: "output") }
      #expect(try !bench.folder.names().contains("output"))
    }
  }
}
