import CommandGrammar
import GradiendPatch

/// How the process ends: a few of the codes of `sysexits.h`.
enum ExitStatus: Int32, CaseIterable {
  case done = 0
  /// Asked and answered no.
  case mismatch = 1
  case usage = 64
  case badInput = 65
  case cannotOpen = 66
  case bug = 70
  case cannotCreate = 73
  case inputOutput = 74

  init(_ error: PatchError) {
    self =
      switch error.kind {
      case .usage: .usage
      case .mismatch: .mismatch
      case .badInput: .badInput
      case .cannotOpen: .cannotOpen
      case .outputExists, .cannotCreate: .cannotCreate
      case .unfinished: .badInput
      case .inputOutput: .inputOutput
      default: .bug
      }
  }

  /// For the help of a command that can end so.
  var meaning: ExitMeaning {
    let text =
      switch self {
      case .done: "done"
      case .mismatch: "the checkpoint is not the one that the patch is for"
      case .usage: "the command line is wrong"
      case .badInput: "an input is malformed, damaged, half changed or not supported"
      case .cannotOpen: "an input cannot be opened"
      case .bug: "a bug in gradiend-patch"
      case .cannotCreate: "the output exists already, or cannot be made"
      case .inputOutput: "reading or writing failed part way, as on a full disk"
      }
    return ExitMeaning(rawValue, text)
  }

  /// What every command can end with, and what those that write an output can.
  static let reading: [ExitMeaning] =
    [ExitStatus.done, .mismatch, .usage, .badInput, .cannotOpen, .inputOutput].map(\.meaning)
  static let writing: [ExitMeaning] =
    [
      ExitStatus.done, .mismatch, .usage, .badInput, .cannotOpen, .cannotCreate, .inputOutput,
    ].map(\.meaning) + [
      ExitMeaning(
        "128+n", "ended by signal n; unfinished outputs go, but for KILL or a crash")
    ]
}
