import ByteIO
import Checkpoints
import CommandGrammar

/// `gradiend-patch-bench floors`: how small a patch could be.
struct FloorsCommand: BenchCommand {
  var base = ""
  var result = ""
  var threadCount = 0
  var printsJSON = false

  static let name = "floors"
  static let summary = "Show how small an exact patch of two models could be."
  static let discussion = """
    Prints empirical entropies in bytes, without the cost of any table. The size of a good patch is \
    the sum with levels, and what strip needs besides.
    """

  static var grammar: [Argument<Self>] {
    [
      .operand(\.base, "BASE", help: "base model: safetensors file, or folder of them"),
      .operand(\.result, "RESULT", help: "the same tensors with other values"),
      .option(
        \.threadCount, "--threads", value: "N",
        help: "how many threads work; 0 is one for each core"),
      .flag(\.printsJSON, "--json", help: "print a JSON object, for programs"),
    ]
  }

  mutating func validate() throws(UsageError) {
    guard (0...1024).contains(threadCount) else {
      throw UsageError("N of '--threads' must be from 0 to 1024, not \(threadCount)")
    }
  }

  func run() throws {
    let floors = try FloorsMeasurement(base: base, result: result)
      .run(threadCount: threadCount > 0 ? threadCount : Processor.coreCount)
    print(printsJSON ? JSONValue.object(floors.members).text() : floors.text)
  }
}

extension Floors {
  /// For people: a line for each floor.
  var text: String {
    let rows: [(String, Double)] = [
      ("elements of 16 bits", Double(elementCount)),
      ("changed", Double(changedCount)),
      ("delta | exponent, each tensor for itself", deltas),
      ("strip: exponent, sign flip | result's exponent", strip),
      ("changed? | exponent", flags),
      ("changed? | exponent, levels", levelFlags),
      ("size of delta | exponent, levels", levelValues),
      ("sign, running rank-one model", signs),
      ("sum of the last three", sumWithLevels),
      ("F32 elements of tensors that differ", Double(float32Count)),
      ("F32: bit length of delta | exponent, rest raw", float32),
      ("bound: 1.05 x (sum + strip + F32) + 25 kB", boundWithLevels),
    ]
    return rows.filter { $0.1 > 0 }.map { name, value in
      let number = String(Int(value.rounded()))
      let blanks = max(1, 62 - name.count - number.count)
      return name + String(repeating: " ", count: blanks) + number
    }.joined(separator: "\n")
  }
}
