import GradiendPatch
import TestSupport
import Testing

/// What `create` and `diff` make of inputs of one kind or another.
@Suite struct CreationTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  @Test(arguments: [1, 2, 7, 64])
  func `a patch does not depend on the number of threads, whatever the number of latents`(
    latentCount: Int
  ) throws {
    let model = RandomModel(seed: 5)
    try bench.write(model, to: "base")
    try bench.writeGradiend(for: model, to: "gradiend", latentCount: latentCount, seed: 6)
    let factors = (0..<latentCount).map { Float($0 % 5) - 1.7 }
    let patches = try [1, 2, 7].map { threads in
      try bench.create(
        "base", "gradiend", to: "patch-\(threads)", factors: factors, rate: 0.1, threads: threads)
      return try bench.bytes("patch-\(threads)")
    }
    #expect(Set(patches).count == 1)
    try bench.apply("patch-1", to: "base", as: "result")
    #expect(try bench.verify("result", "patch-7").role == .result)
  }

  @Test func `elements that are not finite any more are counted in a note`() throws {
    try write([1, 3e38, .infinity, 4], to: "base")
    try write([1, .infinity, .nan, 5], to: "one")
    try write([.nan, -.infinity, 2, 5], to: "two")
    let note = "of the result"
    #expect(
      try bench.diff("base", "one", to: "patch-1").notes
        == ["1 element \(note) is NaN or infinite and finite in the base"])
    #expect(
      try bench.diff("base", "two", to: "patch-2").notes
        == ["2 elements \(note) are NaN or infinite and finite in the base"])
    #expect(try bench.diff("two", "base", to: "patch-3").notes.count == 1)
    var builder = GradiendBuilder([.init("w", [4])])
    builder.hasBias = false
    try builder.write(to: bench.folder, as: "gradiend")
    let summary = try bench.create(
      "base", "gradiend", to: "patch", factors: [1e38], rate: 1e38)
    #expect(
      summary.notes == ["3 elements \(note) are NaN or infinite and finite in the base"])
  }

  @Test func `a number of feature factors that is not that of the latents is refused`() throws {
    try write([1, 2, 3, 4], to: "base")
    var builder = GradiendBuilder([.init("w", [4])])
    try builder.write(to: bench.folder, as: "gradiend")
    let many = try bench.refusal(.usage) { () throws(PatchError) in
      try bench.create("base", "gradiend", to: "patch", factors: [1, 2])
    }
    #expect(many.message == "the GRADIEND has 1 latent, but 2 feature factors were given")
    var creation = Create(
      base: bench.path("base"), gradiend: bench.path("gradiend"), output: bench.path("patch"),
      featureFactors: [1], learningRate: 1)
    creation.part = .decoderSum
    let ignored = try bench.refusal(.usage) { () throws(PatchError) in _ = try creation.run() }
    #expect(ignored.message == "part 'decoder-sum' ignores feature factors, but some were given")
  }

  @Test func `base and GRADIEND in the wrong order are named as such`() throws {
    try write([1, 2, 3, 4], to: "base")
    try write([1, 2, 3, 4], to: "model/model.safetensors")
    try bench.folder.write(#"{"architectures":["GPT2LMHeadModel"]}"#, to: "model/config.json")
    var builder = GradiendBuilder([.init("w", [4])])
    try builder.write(to: bench.folder, as: "gradiend")
    for base in ["base", "model"] {
      let error = try bench.refusal(.badInput) { () throws(PatchError) in
        try bench.create("gradiend", base, to: "patch")
      }
      #expect(error.path == bench.path("gradiend"))
      #expect(
        error.message == "this is a GRADIEND checkpoint, in place of the base; \(bench.path(base)) "
          + "is none")
    }
    let file = try bench.refusal(.badInput) { () throws(PatchError) in
      try bench.create("model", "base", to: "patch")
    }
    #expect(file.message.hasPrefix("this is a file; a GRADIEND checkpoint is a folder"))
  }

  private func write(_ values: [Float], to name: String) throws {
    var builder = SafetensorsBuilder()
    builder.add("w", shape: [4], floats: values)
    try bench.folder.write(builder.bytes, to: name)
  }
}
