import ByteIO
import CommandGrammar
import GradiendPatch

/// The value of `--share`: `I/N`, or `auto` or `auto/N` for what the engine of a cluster says.
extension Share: ArgumentValue {
  package init(parsing text: String, placeholder: String) throws(UsageError) {
    try self.init(parsing: text, placeholder: placeholder, in: Environment.value)
  }

  /// As above.
  ///
  /// - Parameters:
  ///   - text: what was typed.
  ///   - placeholder: what the help calls it.
  ///   - environment: gives the value of a variable.
  /// - Throws: ``UsageError`` if there is no such share, or the environment does not tell.
  init(
    parsing text: String, placeholder: String, in environment: (String) -> String?
  ) throws(UsageError) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let count = parts.count == 2 ? Int(parts[1]) : nil
    let numbers: (index: Int, count: Int)
    switch (parts.count, parts[0] == "auto" ? nil : Int(parts[0]), count) {
    case (1, nil, _) where text == "auto": numbers = try Self.numbers(of: nil, environment)
    case (2, nil, let count?) where parts[0] == "auto":
      numbers = try Self.numbers(of: count, environment)
    case (2, let index?, let count?): numbers = (index, count)
    default:
      throw UsageError(
        "\(placeholder) must be the number of a share and how many there are, as in 3/16, or auto, or "
          + "auto/16, not '\(text)'")
    }
    do throws(PatchError) {
      try self.init(index: numbers.index, count: numbers.count)
    } catch {
      throw UsageError(error.message)
    }
  }

  package var defaultText: String? { nil }

  private static func numbers(
    of count: Int?, _ environment: (String) -> String?
  ) throws(UsageError) -> (index: Int, count: Int) {
    switch (environment("SLURM_ARRAY_TASK_ID"), environment("JOB_COMPLETION_INDEX")) {
    case (nil, nil):
      throw UsageError(
        "'auto' is for a task of a Slurm array or a pod of an Indexed Job of Kubernetes, but neither "
          + "SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set: give I/N")
    case (_?, _?):
      throw UsageError(
        "SLURM_ARRAY_TASK_ID and JOB_COMPLETION_INDEX are both set, so 'auto' could mean either: give I/N"
      )
    case (let task?, nil): return try slurm(task, count, environment)
    case (nil, let completion?): return try kubernetes(completion, count)
    }
  }

  /// A task of `sbatch --array`: the ids from the smallest to the largest, in steps, are the shares.
  private static func slurm(
    _ task: String, _ given: Int?, _ environment: (String) -> String?
  ) throws(UsageError) -> (index: Int, count: Int) {
    let names = ["MIN", "MAX", "COUNT"].map { "SLURM_ARRAY_TASK_" + $0 }
    let numbers = names.map { name in environment(name).flatMap { Int($0) } }
    let step = environment("SLURM_ARRAY_TASK_STEP").map { Int($0) ?? 0 } ?? 1
    guard let id = Int(task), let least = numbers[0], let most = numbers[1], let count = numbers[2],
      step > 0, (0...1 << 30).contains(least), (least...1 << 30).contains(most),
      (least...most).contains(id), (id - least) % step == 0, (most - least) / step + 1 == count
    else {
      throw UsageError(
        "the ids of this Slurm array are no plain range such as 1-16 ("
          + (["SLURM_ARRAY_TASK_ID=\(task)"] + names.map { "\($0)=\(environment($0) ?? "")" })
          .joined(separator: ", ") + "): give I/N")
    }
    guard given == nil || given == count else {
      throw UsageError(
        "this Slurm array has \(count) tasks, so this is not one of \(given ?? 0) shares: give I/N")
    }
    return ((id - least) / step + 1, count)
  }

  /// A pod of an Indexed Job, which is not told how many there are.
  private static func kubernetes(
    _ completion: String, _ given: Int?
  ) throws(UsageError) -> (index: Int, count: Int) {
    guard let count = given else {
      throw UsageError(
        "JOB_COMPLETION_INDEX does not tell how many shares there are: give auto/N, N being the "
          + "job's completions")
    }
    guard let index = Int(completion), index >= 0, index < count else {
      throw UsageError(
        "JOB_COMPLETION_INDEX is '\(completion)', which is none of \(count) shares, counted from 0")
    }
    return (index + 1, count)
  }
}

extension Argument where Command: gradiend_patch.Command {
  /// The row of a share.
  ///
  /// - Parameters:
  ///   - property: where it goes.
  ///   - output: what becomes of it.
  /// - Returns: the row.
  static func share(_ property: WritableKeyPath<Command, Share?>, _ output: String) -> Self {
    .option(
      property, "--share", value: "I/N",
      help:
        "do the I-th of N shares of the weight files, \(output); 'auto' takes both from a Slurm array, "
        + "'auto/N' I from a Kubernetes Indexed Job", kind: .text)
  }
}
