import Checkpoints
import Glibc

/// A line of results: a JSON object that says of what kind it is, and of which pair.
struct Record {
  private(set) var members: [JSONValue.Member]

  init(_ kind: String, label: String) {
    members = [.init("kind", .string(kind)), .init("label", .string(label))]
  }

  mutating func add(_ key: String, _ value: JSONValue) {
    members.append(.init(key, value))
  }

  mutating func add(_ key: String, _ value: Int) { add(key, .integer(value)) }

  mutating func add(_ key: String, _ value: Double) { add(key, .real(value)) }

  mutating func add(_ key: String, _ value: String) { add(key, .string(value)) }

  mutating func add(_ other: [JSONValue.Member]) { members += other }

  var json: JSONValue { .object(members) }

  /// The record on one line; four digits are more than times are good for.
  var line: String { json.text(significantDigits: 6) }
}

extension Record {
  /// What was measured on, and when.
  static func environment(label: String, tool: String, commit: String) -> Self {
    var record = Self("environment", label: label)
    var now = time(nil)
    var date = tm()
    gmtime_r(&now, &date)
    func two(_ number: Int32) -> String { (number < 10 ? "0" : "") + String(number) }
    record.add("date", "\(1900 + date.tm_year)-\(two(date.tm_mon + 1))-\(two(date.tm_mday))")
    record.add("tool", tool)
    if !commit.isEmpty { record.add("commit", commit) }
    record.add("processor", Machine.processor)
    record.add("cores", Machine.coreCount)
    record.add("memory_bytes", Machine.memoryByteCount)
    return record
  }
}
