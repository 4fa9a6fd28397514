import ByteIO
import Foundation
import FoundationXML
import TestSupport
import Testing

@testable import GradiendPatch
@testable import PatchEngine
@testable import Pictures

/// What is measured of an update, and drawn.
@Suite struct PictureTests {
  let bench: Workbench

  init() throws { bench = try Workbench() }

  private func inspect(
    base: String? = nil, threads: Int = 0, _ change: (inout Inspect) -> Void = { _ in }
  ) throws(PatchError) -> PatchReport {
    var inspection = Inspect(path: bench.path("patch"))
    inspection.base = base.map(bench.path)
    inspection.threadCount = threads
    change(&inspection)
    guard let report = try inspection.run().patch else { preconditionFailure("no patch") }
    return report
  }

  private func write(seed: UInt64) throws -> (base: RandomModel, result: RandomModel) {
    let base = RandomModel(seed: seed)
    let result = base.changed(seed: seed + 10)
    try bench.write(base, to: "base")
    try bench.write(result, to: "result")
    try bench.diff("base", "result", to: "patch")
    return (base, result)
  }

  // MARK: Measures

  /// A tensor's elements, as the formats define them.
  private static func values(_ tensor: RandomModel.Tensor) -> [Double] {
    stride(from: 0, to: tensor.bytes.count, by: tensor.byteWidth).map { offset in
      let low = UInt16(tensor.bytes[offset]) | UInt16(tensor.bytes[offset + 1]) << 8
      switch tensor.type {
      case "F16": return Double(Float16(bitPattern: low))
      case "BF16": return Double(Float(bitPattern: UInt32(low) << 16))
      default:
        let high = UInt32(tensor.bytes[offset + 2]) | UInt32(tensor.bytes[offset + 3]) << 8
        return Double(Float(bitPattern: high << 16 | UInt32(low)))
      }
    }
  }

  @Test(arguments: 1...6 as ClosedRange<UInt64>)
  func `the update is measured as both files tell it`(seed: UInt64) throws {
    let (base, result) = try write(seed: seed)
    let report = try inspect(base: "base")
    var measured = 0
    for change in report.changes {
      let before = try #require(base[change.tensor.name])
      let after = try #require(result[change.tensor.name])
      #expect((change.update != nil) == before.isPatchable, "\(before.name)")
      guard let update = change.update else { continue }
      measured += 1
      let pairs = zip(Self.values(before), Self.values(after)).filter { $0.isFinite && $1.isFinite }
      func rms(_ values: [Double]) -> Double {
        values.isEmpty ? 0 : (values.reduce(0) { $0 + $1 * $1 } / Double(values.count)).squareRoot()
      }
      let (moved, size) = (rms(pairs.map { $1 - $0 }), rms(pairs.map { $0.0 }))
      #expect(abs(update.updateRMS - moved) <= 1e-12 * moved, "\(before.name)")
      #expect(abs(update.baseRMS - size) <= 1e-12 * size, "\(before.name)")
    }
    #expect(measured > 1)
    #expect(try inspect().changes.allSatisfy { $0.update == nil })
  }

  @Test func `picture and page do not depend on threads`() throws {
    _ = try write(seed: 3)
    let (one, two) = (try inspect(base: "base", threads: 1), try inspect(base: "base", threads: 2))
    #expect(one.svg == two.svg && one.html == two.html)
    #expect(one.svg != (try inspect()).svg)
  }

  @Test func `zeros that change are infinitely far, and what is no float is not measured`() throws {
    for (name, values) in [("base", [Float](repeating: 0, count: 4)), ("result", [0, 1, 0, 0])] {
      var builder = SafetensorsBuilder()
      builder.add("h.0.bias", shape: [4], floats: values)
      builder.add("h.1.bias", shape: [4], floats: [1, 1, 1, values[1]])
      builder.add("ids", "I64", [1], Array(repeating: 1, count: 8))
      try bench.folder.write(builder.bytes, to: name)
    }
    try bench.diff("base", "result", to: "patch")
    let report = try inspect(base: "base")
    #expect(report.changes.first?.update?.relative == nil)
    let page = report.html
    #expect(page.contains(">∞</text>") && page.contains(">–</text>"))
    #expect(page.contains("no floats") && page.contains(#"data-value="Infinity""#))
  }

  @Test func `the wrong base is refused, and nothing is drawn`() throws {
    let (base, _) = try write(seed: 4)
    try bench.write(base.changed(seed: 99), to: "other")
    for name in ["other", "result"] {
      try bench.refusal(.mismatch) { () throws(PatchError) in
        _ = try inspect(base: name) { $0.pictureOutput = bench.path("out.svg") }
      }
    }
  }

  @Test func `no output replaces an input or, unasked, anything`() throws {
    _ = try write(seed: 5)
    for name in ["patch", "base"] {
      try bench.refusal(.cannotCreate) { () throws(PatchError) in
        _ = try inspect(base: "base") {
          $0.pageOutput = bench.path(name)
          $0.overwrites = true
        }
      }
    }
    try bench.refusal(.outputExists) { () throws(PatchError) in
      _ = try inspect {
        $0.pictureOutput = bench.path("out.svg")
        $0.pageOutput = bench.path("result")
      }
    }
  }

  @Test func `picture and page are two files`() throws {
    _ = try write(seed: 5)
    let paths = [("out", "out"), ("out", "./out"), ("out", ".//./out")]
    for (picture, page) in paths {
      try bench.refusal(.usage) { () throws(PatchError) in
        _ = try inspect {
          $0.pictureOutput = bench.path(picture)
          $0.pageOutput = bench.path(page)
        }
      }
    }
  }

  // MARK: Drawings

  /// A patch of two layers whose names try to break out of where they stand.
  private func hostileReport() throws -> PatchReport {
    let names = ["<script>alert(1)</script>", "\\\"'&amp;]]>", "\\u0001\\uFFFF\\n"]
    for (file, value) in [("base", Float(1)), ("result", 2)] {
      var builder = SafetensorsBuilder()
      for layer in 0..<2 {
        for name in names { builder.add("h.\(layer).\(name)", shape: [2], floats: [1, value]) }
      }
      try bench.folder.write(builder.bytes, to: file)
    }
    try bench.diff("base", "result", to: "patch")
    return try inspect(base: "base")
  }

  /// A patch of a model of twelve layers that adds so much to one element of each.
  private func report(
    adding steps: [Float], experts: Int = 0, base: String? = "base"
  ) throws -> PatchReport {
    for name in ["base", "result"] {
      var builder = SafetensorsBuilder()
      for (layer, step) in steps.enumerated() {
        let value = name == "base" ? 1 : 1 + step
        builder.add(
          "model.layers.\(layer).mlp.up_proj.weight", shape: [4], floats: [1, 1, 1, value])
        builder.add("model.layers.\(layer).input_layernorm.weight", shape: [1], floats: [1])
        for expert in 0..<experts {
          builder.add(
            "model.layers.\(layer).mlp.experts.\(expert).up.weight", shape: [1], floats: [value])
        }
      }
      try bench.folder.write(builder.bytes, to: name)
    }
    try? bench.folder.remove("patch")
    try bench.diff("base", "result", to: "patch")
    return try inspect(base: base)
  }

  @Test func `the picture says in which layers the update is, and is as wide as a card`() throws {
    var steps = [Float](repeating: 0.01, count: 12)
    (steps[3], steps[7], steps[10]) = (1, 2, 1)
    let picture = try report(adding: steps).svg
    let sentence = "100 % of the update, by its squared norm, lies in layers 3, 7 and 10."
    #expect(picture.ranges(of: sentence).count == 2)
    #expect(picture.contains(#"width="750" height=""#))
    let bars = try #require(picture.firstMatch(of: #/<g class="bar">(.*?)<\/g>/#))
    #expect(bars.1.ranges(of: "<rect").count == 12)
    // Without the base, what counts is how many elements change.
    let unmeasured = try report(adding: [1, 0, 0, 0, 0], base: nil).svg
    #expect(unmeasured.contains("100 % of the changed elements lie in layer 0."))
    #expect(try report(adding: [0, 0]).svg.contains("Nothing changes."))
  }

  @Test func `of two stacks, layers are told apart, and bars have one scale`() throws {
    for name in ["base", "result"] {
      var builder = SafetensorsBuilder()
      for layer in 0..<3 {
        for (stack, step) in [("encoder", Float(1)), ("decoder", 2)] {
          let value = name == "base" ? 1 : 1 + step
          builder.add("\(stack).block.\(layer).q.weight", shape: [1], floats: [value])
        }
      }
      try bench.folder.write(builder.bytes, to: name)
    }
    try bench.diff("base", "result", to: "patch")
    let picture = try inspect(base: "base").svg
    #expect(
      picture.contains("80 % of the update, by its squared norm, lies in layers 0, 1 and 2 of"))
    #expect(picture.ranges(of: ">26.7 %</text>").count == 2)
  }

  @Test func `the experts of a layer are one row of the page`() throws {
    let page = try report(adding: [1, 2], experts: 128).html
    #expect(page.ranges(of: "<tr>").count == 1 + 2 * 3)
    #expect(page.contains("… 128 tensors"))
  }

  @Test func `the page lets its own script run, and no other`() throws {
    let page = try report(adding: [1]).html
    let script = try #require(page.firstMatch(of: #/<script>([\s\S]*?)<\/script>/#)).1
    let policy = try #require(page.firstMatch(of: #/script-src 'sha256-([^']*)'/#)).1
    let file = bench.path("script")
    try bench.folder.write(String(script), to: "script")
    let digest = try MappedFile(path: file).sha256()
    let bytes = try #require(Data(base64Encoded: String(policy)))
    #expect(bytes.map { String(format: "%02x", $0) }.joined() == digest)
    #expect(!page.contains("script-src 'unsafe-inline'"))
  }

  @Test func `a picture is well-formed, whatever the tensors are called`() throws {
    let parser = XMLParser(data: Data(try hostileReport().svg.utf8))
    #expect(parser.parse(), "\(String(describing: parser.parserError))")
  }

  @Test func `no name gets markup into a page`() throws {
    let page = try hostileReport().html
    #expect(!page.contains("<script>alert"))
    #expect(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"))
    #expect(page.ranges(of: "<script>").count == 1 && page.ranges(of: "</script>").count == 1)
  }

  @Test func `picture and page ask for nothing from elsewhere`() throws {
    let report = try hostileReport()
    for text in [report.svg, report.html] {
      let addresses = text.matches(of: #/https?:[^"]*/#).map { String($0.output) }
      #expect(addresses.allSatisfy { $0 == "http://www.w3.org/2000/svg" })
      #expect(!text.contains(#/(src|href)=|url\(|@import/#))
    }
  }

  @Test func `numbers on shades have a contrast of 4.5, and shades rise evenly in lightness`()
    throws
  {
    func luminance(_ colour: Substring) -> Double {
      let digits = colour.count == 3 ? colour.flatMap { [$0, $0] } : Array(colour)
      let parts = stride(from: 0, to: 6, by: 2).map { start -> Double in
        let value = Double(Int(String(digits[start...start + 1]), radix: 16) ?? 0) / 255
        return value <= 0.04045 ? value / 12.92 : pow((value + 0.055) / 1.055, 2.4)
      }
      return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    }
    let rules = try hostileReport().svg.matches(
      of: #/\.c\d rect\{fill:#(\w+)\}\.map \.c\d text\{fill:#(\w+)\}/#)
    #expect(rules.count == 2 * ColourScale.shadeCount)
    var lightness: [Double] = []
    for rule in rules {
      let (fill, text) = (luminance(rule.1), luminance(rule.2))
      #expect((max(fill, text) + 0.05) / (min(fill, text) + 0.05) >= 4.5, "\(rule.0)")
      lightness.append(116 * cbrt(fill) - 16)
    }
    let half = ColourScale.shadeCount
    let steps =
      (1..<half).map { lightness[$0 - 1] - lightness[$0] }
      + (half + 1..<2 * half).map { lightness[$0] - lightness[$0 - 1] }
    #expect(steps.allSatisfy { (8...13).contains($0) }, "\(steps)")
  }
}
