import Checkpoints
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

  @Test func `page and card of a patch say what rounding keeps of the update`() throws {
    var scene = try AdapterScene()
    scene.addLayer(0)
    try scene.write(rank: 3)
    let bench = scene.bench
    let rounding = try bench.create(
      "base", "gradiend", to: "patch", factors: [1], rate: 0.0002
    ).rounding
    let kept = try #require(rounding.text)
    let report = try #require(try Inspect(path: bench.path("patch")).run().patch)
    #expect(report.kept == kept)
    #expect(report.html.contains("Rounded to the base's types, the update keeps \(kept).<"))
    var details = CardDetails()
    details.base = "org/base"
    let card = try Card(patch: bench.path("patch"), details: details).run().text
    #expect(card.contains("| Precision | exact to the result as it is rounded |\n"))
    #expect(card.contains("| Kept of the update | \(kept), rounded to the base's types |"))
    try bench.apply("patch", to: "base", as: "result")
    try bench.diff("base", "result", to: "difference")
    let other = try #require(try Inspect(path: bench.path("difference")).run().patch)
    #expect(other.kept == nil && !other.html.contains("the update keeps"))
  }

  @Test func `what rounding keeps of the update is that of a computation in double precision`()
    throws
  {
    var scene = try AdapterScene()
    scene.addLayer(0)
    try scene.write(rank: 3)
    let bench = scene.bench
    // Small enough that most of it is rounded away.
    let rate: Float = 0.0002
    let summary = try bench.create("base", "gradiend", to: "patch", factors: [1], rate: rate)
    try bench.apply("patch", to: "base", as: "result")
    let result = try Checkpoint(path: bench.path("result"))
    var whole = (meant: 0.0, added: 0.0, product: 0.0)
    #expect(summary.roundings.map(\.tensor).sorted() == scene.tensors.map(\.name).sorted())
    for (name, measure) in summary.roundings {
      let base = try scene.tensor(name)
      let tensor = try #require(result[name])
      let bytes = result.bytes(of: tensor, in: 0..<tensor.byteCount)
      let update = try #require(scene.updates[name])
      var sums = (meant: 0.0, added: 0.0, product: 0.0)
      for (index, value) in base.values.enumerated() {
        let bits = UInt32(bytes[2 * index]) << 16 | UInt32(bytes[2 * index + 1]) << 24
        let added = Double(Float(bitPattern: bits)) - value
        let meant = Double(update[index] / AdapterScene.rate * rate)
        sums = (
          sums.meant + meant * meant, sums.added + added * added, sums.product + meant * added
        )
      }
      whole = (
        whole.meant + sums.meant, whole.added + sums.added, whole.product + sums.product
      )
      let share = try #require(measure.normShare)
      #expect(abs(share - (sums.added / sums.meant).squareRoot()) < 1e-5)
      let cosine = sums.product / (sums.meant * sums.added).squareRoot()
      if sums.added > 0 { #expect(abs((measure.cosine ?? 0) - cosine) < 1e-5) }
    }
    let cosine = whole.product / (whole.meant * whole.added).squareRoot()
    #expect(abs((summary.rounding.cosine ?? 0) - cosine) < 1e-5)
    #expect(cosine < 0.95, "or nothing is tested")
    let report = try #require(try Inspect(path: bench.path("patch")).run().patch)
    let stated = report.metadata.first { $0.key == "update_cosine" }.flatMap { Double($0.value) }
    #expect(abs((stated ?? 0) - cosine) < 1e-5)
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
