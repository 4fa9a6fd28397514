import ByteIO
import Checkpoints
import CommandGrammar

/// `gradiend-patch-bench table`: results as Markdown.
struct TableCommand: BenchCommand {
  var results = ""

  static let name = "table"
  static let summary = "Print results of 'measure' as Markdown tables."

  static var grammar: [Argument<Self>] {
    [.operand(\.results, "RESULTS", help: "JSON lines that 'measure' printed")]
  }

  func run() throws {
    let file = try MappedFile(path: results)
    let lines = String(decoding: file.bytes.array, as: UTF8.self).split(separator: "\n")
    print(MarkdownReport(try lines.map { try JSONValue(text: String($0)) }).text)
  }
}
