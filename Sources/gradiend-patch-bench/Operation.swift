/// Something to time, again and again.
struct Operation {
  /// What it is called in the results, such as `apply`.
  let name: String
  /// How many threads it may use, where that can be chosen.
  let threadCount: Int?
  let arguments: [String]
  /// The models that it reads.
  let inputs: [String]
  /// The names of what it makes in the scratch folder.
  let output: String?
  /// Whether its time counts only once the output is on the disk; it does not see to that itself.
  var synchronisesOutput = false

  /// The name, and how many threads.
  var title: String { threadCount.map { "\(name), --threads \($0)" } ?? name }
}
