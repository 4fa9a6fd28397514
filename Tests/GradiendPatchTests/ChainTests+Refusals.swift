import DeltaCoding
import GradiendPatch
import PatchFormat
import PatchTestSupport
import TestSupport
import Testing

/// What is no chain, or not one of this model.
extension ChainTests {
  @Test(arguments: [
    ([2, 1], 1, "name them in this order: patch-1 patch-2"),
    ([1, 3, 2], 3, "name them in this order: patch-1 patch-2 patch-3"),
    (
      [1, 2, 4], 4, "none of those named follows it: leave out patch-4, or name what comes between"
    ),
    (
      [1, 2, 2], 2, "none of those named follows it: leave out patch-2, or name what comes between"
    ),
    ([1, 3, 5, 2], 3, "patch-2 follows it"),
  ])
  func `patches that do not follow each other are named, and so is what does`(
    numbers: [Int], wrong: Int, remedy: String
  ) throws {
    try writeFiles()
    for attempt in 0..<3 {
      let error = try bench.refusal(.mismatch) { () throws(PatchError) in
        switch attempt {
        case 0: _ = try combine(numbers)
        case 1: _ = try run(.apply, numbers, on: "model-0", to: "out")
        default: _ = try run(.strip, numbers, on: "model-5", to: nil)
        }
      }
      #expect(error.path == bench.path("patch-\(wrong)"))
      #expect(error.message.hasPrefix("this patch does not follow "))
      #expect(error.remedy?.replacing(bench.path(""), with: "") == remedy)
    }
  }

  @Test func `a way that ends where it began is refused`() throws {
    try writeFiles()
    try bench.diff("model-2", "model-0", to: "patch-6")
    for numbers in [[1, 2, 6], [1, 2, 6, 1, 2, 6]] {
      let error = try bench.refusal(.mismatch) { () throws(PatchError) in
        _ = try combine(numbers)
      }
      #expect(error.message.hasPrefix("these patches end where they began"))
    }
    // A patch that changes nothing may stand alone, and among others.
    try bench.diff("model-0", "model-0", to: "patch-7")
    _ = try run(.apply, [7], on: "model-0", to: "same")
    _ = try combine([7, 1])
    #expect(try bench.bytes("combined") == bench.bytes("patch-1"))
  }

  @Test func `no patch, one to combine, and too many are refused`() throws {
    try writeFiles()
    func message(_ body: () throws(PatchError) -> Void) throws -> String {
      try bench.refusal(.usage, body).message
    }
    #expect(
      try message { () throws(PatchError) in _ = try run(.apply, [], on: "model-0", to: "out") }
        == "there is no patch")
    #expect(
      try message { () throws(PatchError) in _ = try combine([]) } == "there is no patch")
    #expect(
      try message { () throws(PatchError) in _ = try combine([1]) }
        == "there is only this patch, and nothing to combine it with")
    #expect(
      try message { () throws(PatchError) in
        _ = try combine(Array(repeating: 1, count: 1000))
      } == "at most 64 patches are taken at once, not 1000")
  }

  @Test func `a model on the way, or at the other end, is told from another`() throws {
    try writeFiles()
    try bench.write(RandomModel(seed: 31).changed(seed: 1), to: "other")
    func refusal(_ direction: Direction, on input: String) throws -> (String, String?) {
      let error = try bench.refusal(.mismatch) { () throws(PatchError) in
        _ = try run(direction, [1, 2, 3], on: input, to: "out")
      }
      #expect(error.path == bench.path(input))
      let remedy = error.remedy?.replacing(bench.path(""), with: "")
      return (error.message.replacing(bench.path(""), with: ""), remedy)
    }
    let values = "already: these are the values of its"
    #expect(
      try refusal(.apply, on: "model-2")
        == ("patch-2 is applied \(values) result", "leave out the patches up to this one"))
    #expect(
      try refusal(.apply, on: "model-3")
        == ("patch-3 is applied \(values) result", "all patches are applied"))
    #expect(
      try refusal(.strip, on: "model-1")
        == ("patch-2 is stripped \(values) base", "leave out the patches from this one"))
    #expect(
      try refusal(.strip, on: "model-0")
        == ("patch-1 is stripped \(values) base", "all patches are stripped"))
    #expect(try refusal(.apply, on: "other").0.hasPrefix("not the base of this patch: "))
    #expect(try refusal(.strip, on: "other").0.hasPrefix("not the result of this patch: "))
    let combining = try bench.refusal(.mismatch) { () throws(PatchError) in
      _ = try combine([1, 2], of: "other")
    }
    #expect(combining.path == bench.path("other"))
  }

  @Test func `a patch that follows by its digest alone is refused`() throws {
    try writeFiles()
    var forge = PatchForge()
    forge["base_digest"] = try PatchFile(path: bench.path("patch-1")).metadata.result.digest
    try bench.folder.write(forge.bytes, to: "patch-9")
    let error = try bench.refusal(.badInput) { () throws(PatchError) in _ = try combine([1, 9]) }
    #expect(error.path == bench.path("patch-9"))
    #expect(error.message.contains("but its tensor 'a' is another"))
  }

  @Test func `an output that is one of the patches is refused`() throws {
    try writeFiles()
    for output in ["patch-1", "patch-2", "model-0"] {
      var combination = Combine(
        base: bench.path("model-0"), patches: patches([1, 2]), output: bench.path(output))
      combination.overwrites = true
      let error = try bench.refusal(.cannotCreate) { [combination] () throws(PatchError) in
        _ = try combination.run()
      }
      #expect(error.message == "the output is one of the inputs")
    }
  }
}
