import GradiendPatch
import TestSupport
import Testing

/// Checkpoints that are not the one a patch is for, each with an error of its own.
@Suite struct RefusalTests {
  let bench: Workbench
  let base = RandomModel(seed: 31)
  let result: RandomModel

  init() throws {
    bench = try Workbench()
    result = base.changed(seed: 34)
    try bench.write(base, to: "base")
    try bench.write(result, to: "result")
    try bench.diff("base", "result", to: "patch")
  }

  @Test func `applying twice is named as such`() throws {
    let error = try refusedApply("result")
    #expect(error.message == "the patch is applied already: these are the result's values")
    #expect(error.remedy == "stripping the patch gives the base back")
  }

  @Test func `stripping what is not patched is named as such`() throws {
    let error = try refusedStrip("base")
    #expect(error.message == "the patch is not applied: these are the base's values")
    #expect(error.remedy == "there is nothing to strip")
  }

  @Test func `another model is refused, with the first tensor that differs`() throws {
    let other = RandomModel(seed: 31).changed(seed: 1)
    try bench.write(other, to: "other")
    let first = try #require(
      zip(base.tensors, other.tensors).first { $0.bytes != $1.bytes }?.0.name)
    let error = try refusedApply("other")
    #expect(error.tensor == first)
    #expect(error.message.hasPrefix("not the base of this patch: "))
    #expect(error.remedy?.hasPrefix("the patch was made for base (SHA-256 ") == true)
    #expect(try refusedStrip("other").message.hasPrefix("not the result of this patch: "))
    #expect(try bench.verify("other", "patch").role == nil)
  }

  @Test(arguments: Array(base31.indices))
  func `one flipped bit in any tensor of the base is refused, by that tensor's name`(
    index: Int
  ) throws {
    var generator = SeededGenerator(seed: UInt64(index))
    let count = base.tensors[index].bytes.count
    guard count > 0 else { return }
    for position in Set([0, count / 2, count - 1]) {
      var damaged = base
      damaged.tensors[index].bytes[position] ^= 1 << UInt8.random(in: 0...7, using: &generator)
      try bench.write(damaged, to: "damaged")
      let error = try refusedApply("damaged")
      #expect(error.tensor == base.tensors[index].name)
      #expect(error.message.contains("1 of 17 tensors differ"))
      #expect(try bench.verify("damaged", "patch").differingFromBase == [error.tensor])
    }
  }

  @Test func `a result with one flipped bit is not stripped`() throws {
    var damaged = result
    damaged.tensors[3].bytes[0] ^= 0x10
    try bench.write(damaged, to: "damaged")
    #expect(try refusedStrip("damaged").tensor == result.tensors[3].name)
  }

  // MARK: Other tensors

  @Test func `a missing, an extra, a renamed and a retyped tensor are mismatches`() throws {
    var models: [(RandomModel, String)] = []
    var model = base
    let last = model.tensors.removeLast()
    models.append((model, "tensor '\(last.name)' of the patch's base is missing"))
    model = base
    model.tensors.append(.init(name: "extra", type: "U8", shape: [1], bytes: [0]))
    models.append((model, "tensor 'extra' is not in the patch's base"))
    model = base
    model.tensors[0].name = "../../../etc/passwd"
    models.append((model, "tensor '../../../etc/passwd' is not in the patch's base"))
    model = base
    let scale = try #require(model.tensors.firstIndex { $0.name == "model.scale" })
    model.tensors[scale].type = "I32"
    models.append((model, "tensor 'model.scale' is I32 [], the patch is for F32 []"))
    model.tensors[scale].type = "F32"
    model.tensors[scale].shape = [1]
    models.append((model, "tensor 'model.scale' is F32 [1], the patch is for F32 []"))
    for (model, message) in models {
      try bench.write(model, to: "other")
      #expect(try refusedApply("other").message == message)
      let error = try bench.refusal(.mismatch) { () throws(PatchError) in
        _ = try bench.verify("other", "patch")
      }
      #expect(error.message == message)
    }
  }

  @Test func `the diff of models with different tensors is refused`() throws {
    var other = base
    other.tensors[0].name = "renamed"
    try bench.write(other, to: "other")
    let error = try bench.refusal(.badInput) { () throws(PatchError) in
      try bench.diff("base", "other", to: "none")
    }
    #expect(error.tensor == "renamed")
    other = base
    other.tensors.removeLast()
    try bench.write(other, to: "other")
    let missing = try bench.refusal(.badInput) { () throws(PatchError) in
      try bench.diff("base", "other", to: "none")
    }
    #expect(missing.message.hasSuffix("of the base is missing"))
  }

  // MARK: Parts

  private func refusedApply(_ input: String) throws -> PatchError {
    try bench.refusal(.mismatch) { () throws(PatchError) in
      try bench.apply("patch", to: input, as: "output")
    }
  }

  private func refusedStrip(_ input: String) throws -> PatchError {
    try bench.refusal(.mismatch) { () throws(PatchError) in
      try bench.strip("patch", from: input, as: "output")
    }
  }

  static let base31 = RandomModel(seed: 31).tensors
}
