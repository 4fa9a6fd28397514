import Checkpoints

/// Results as Markdown: a section for each label, with a table for each kind of record.
struct MarkdownReport {
  private let records: [JSONValue]

  init(_ records: [JSONValue]) {
    self.records = records
  }

  var text: String {
    var labels: [String] = []
    for record in records {
      guard let label = record["label"]?.string, !labels.contains(label) else { continue }
      labels.append(label)
    }
    return labels.map { section($0).joined(separator: "\n") }.joined(separator: "\n\n")
  }

  private func section(_ label: String) -> [String] {
    let parts = [
      ["## \(label)"], environment(label), sizes(label), times(label), peers(label),
    ]
    return Array(parts.filter { !$0.isEmpty }.joined(separator: [""]))
  }

  private func records(_ kind: String, _ label: String) -> [JSONValue] {
    records.filter { $0["kind"]?.string == kind && $0["label"]?.string == label }
  }

  private func environment(_ label: String) -> [String] {
    records("environment", label).map { record in
      let memory = Double(record["memory_bytes"]?.integer ?? 0) / 1_073_741_824
      let commit = record["commit"]?.string.map { ", commit \($0)" } ?? ""
      return "\(record["date"]?.string ?? ""), \(record["tool"]?.string ?? "")\(commit), "
        + "\(record["cores"]?.integer ?? 0) cores of \(record["processor"]?.string ?? ""), "
        + "\(Decimal.text(memory, digits: 0)) GiB"
    }
  }

  // MARK: Size

  private func sizes(_ label: String) -> [String] {
    var rows: [[String]] = []
    func add(_ name: String, _ bytes: Int?) {
      if let bytes, bytes > 0 { rows.append([name, Decimal.count(bytes)]) }
    }
    if let size = records("size", label).first {
      add("patch", size["bytes"]?.integer)
      for member in size["byte_counts"]?.members ?? [] {
        add("– of which \(member.key)", member.value.integer)
      }
      if let bits = size["bits_per_changed_element"]?.number {
        rows.append(["bits per changed element", Decimal.text(bits, digits: 2)])
      }
      add("changed elements", size["changed_elements"]?.integer)
      add("elements", size["elements"]?.integer)
      add("base", size["base_bytes"]?.integer)
    }
    if let floors = records("floors", label).first {
      let names = [
        ("floor: delta given exponent", "deltas_given_exponent"),
        ("floor: sum with levels", "sum_with_levels"), ("floor: strip", "strip"),
        ("floor: F32", "float32"),
        ("1.05 × (sum with levels + strip + F32) + 25 kB", "bound_with_levels"),
        ("1.05 × (delta given exponent + strip + F32) + 25 kB", "bound_of_deltas"),
      ]
      for (name, key) in names { add(name, floors[key]?.integer) }
    }
    return MarkdownTable(["size", "bytes"], rows).lines
  }

  // MARK: Time

  private func times(_ label: String) -> [String] {
    let rows = records("time", label).map { record in
      [
        record["operation"]?.string ?? "",
        record["threads"]?.integer.map { String($0) } ?? "",
        Self.seconds(record["median_seconds"]),
        Decimal.text(100 * (record["spread"]?.number ?? 0), digits: 0) + " %",
        Decimal.text(record["ratio_to_cp"]?.number ?? 0, digits: 2),
        Decimal.text(record["ratio_to_cp_and_sync"]?.number ?? 0, digits: 2),
        Self.memory(record["peak_bytes"]),
      ]
    }
    let runCount = records("time", label).first?["runs"]?.integer ?? 0
    return MarkdownTable(
      [
        "operation", "threads", "median of \(runCount)", "spread", "× cp", "× cp and sync",
        "peak memory",
      ], rows
    ).lines
  }

  // MARK: Other tools

  private func peers(_ label: String) -> [String] {
    let peers = records("peer", label)
    guard !peers.isEmpty else { return [] }
    let rows = peers.map { record in
      let name = record["peer"]?.string ?? ""
      guard record["installed"]?.boolean == true else {
        return [name, "not installed", "", "", "", ""]
      }
      guard let isRight = record["gives_result_back"]?.boolean else {
        return [name, "failed", "", "", "", ""]
      }
      return [
        name + (isRight ? "" : " (other result)"),
        Decimal.count(record["bytes"]?.integer ?? 0),
        Self.seconds(record["make_seconds"]), Self.seconds(record["apply_seconds"]),
        Self.memory(record["make_peak_bytes"]), Self.memory(record["apply_peak_bytes"]),
      ]
    }
    return MarkdownTable(
      ["tool", "bytes", "make", "apply", "memory to make", "memory to apply"],
      [own(label)] + rows
    ).lines
  }

  /// What compares with the other tools: the run with most threads.
  private func own(_ label: String) -> [String] {
    func run(_ names: [String]) -> JSONValue? {
      let runs = records("time", label)
      return names.lazy.compactMap { name in
        runs.last { $0["operation"]?.string == name }
      }.first
    }
    // Other tools have the finished model as well, so `diff` is the peer of their commands.
    let (making, applying) = (run(["diff"]), run(["apply --no-sync", "apply"]))
    return [
      "gradiend-patch diff, apply --no-sync",
      Decimal.count(records("size", label).first?["bytes"]?.integer ?? 0),
      Self.seconds(making?["median_seconds"]), Self.seconds(applying?["median_seconds"]),
      Self.memory(making?["peak_bytes"]), Self.memory(applying?["peak_bytes"]),
    ]
  }

  private static func seconds(_ value: JSONValue?) -> String {
    value?.number.map { Decimal.seconds($0) } ?? ""
  }

  private static func memory(_ value: JSONValue?) -> String {
    value?.integer.map { Decimal.mebibytes($0) } ?? ""
  }
}

extension JSONValue {
  /// The number, whether whole or not.
  fileprivate var number: Double? {
    if case .real(let real) = self { real } else { integer.map { Double($0) } }
  }
}
