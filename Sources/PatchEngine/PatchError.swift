package import ByteIO
package import Checkpoints

/// Why an operation on patches failed. Nothing was written then, unless it says that a change in place
/// is unfinished.
public struct PatchError: Error, Sendable {
  /// What a caller may want to tell apart; more kinds may come.
  public struct Kind: Hashable, Sendable {
    /// The kind as JSON has it.
    public let name: String

    /// An argument that no input could make right.
    public static let usage = Kind(name: "usage")
    /// The checkpoint is not the one that the patch is for, or a patch not for the result of the one
    /// before.
    public static let mismatch = Kind(name: "mismatch")
    /// An input is malformed, damaged or of an unsupported kind.
    public static let badInput = Kind(name: "badInput")
    /// An input is not there or may not be read.
    public static let cannotOpen = Kind(name: "cannotOpen")
    /// Something has the output's name already.
    public static let outputExists = Kind(name: "outputExists")
    /// The output cannot be made.
    public static let cannotCreate = Kind(name: "cannotCreate")
    /// Reading or writing failed part way, as on a full disk.
    public static let inputOutput = Kind(name: "inputOutput")
    /// The caller stopped the operation.
    public static let cancelled = Kind(name: "cancelled")
    /// A change in place was interrupted, or is under way.
    public static let unfinished = Kind(name: "unfinished")
  }

  /// What went wrong, for programs.
  public let kind: Kind
  /// The file or folder at fault, as the caller named it.
  public let path: String?
  /// The tensor at fault, where there is one.
  public let tensor: String?
  /// One line without a full stop: place and cause.
  public let message: String
  /// What to do about it, where that is known.
  public let remedy: String?
  /// The option of the operation that the remedy is about; a program says how it is set there.
  package let option: Option?

  /// Options that make a difference to an error.
  package enum Option: Sendable {
    /// Whether the output may exist.
    case overwriting
    /// Where to keep what restores an input; what it is in these floats needs none.
    case undo(elementType: String)
    /// New files in place of a change in place.
    case newFiles
    /// Whether to leave headers as they are.
    case valuesOnly
    /// Whether to check SHA-256.
    case sha256
    /// Whether to undo an interrupted change instead of finishing it.
    case rollback(journal: String)
    /// What an adapter may err, and its rank.
    case adapterError
  }

  package init(
    _ kind: Kind, path: String? = nil, tensor: String? = nil, _ message: String,
    remedy: String? = nil, option: Option? = nil
  ) {
    self.kind = kind
    self.path = path
    self.tensor = tensor
    self.message = message
    self.remedy = remedy
    self.option = option
  }

  /// The same error with what to do about it, for programs that know more than the library does.
  public func advising(_ remedy: String?) -> PatchError {
    PatchError(kind, path: path, tensor: tensor, message, remedy: remedy, option: option)
  }

  /// The same error with more at the end of its message.
  package func adding(_ end: String) -> PatchError {
    PatchError(kind, path: path, tensor: tensor, message + end, remedy: remedy, option: option)
  }
}

extension PatchError: CustomStringConvertible {
  /// The path, the message, and on a line of its own the remedy.
  public var description: String {
    let line = (path.map { "\($0): " } ?? "") + message
    return line + (remedy.map { "\n\($0)" } ?? "")
  }
}

extension PatchError {
  /// Whether an input is at fault for what it holds. Where a patch meets a checkpoint, that is most
  /// likely because it is for another one: its chunks do not decode, or its values do not fit.
  package var isOfContents: Bool { kind == .badInput || kind == .mismatch }

  /// An input that others wrote to.
  package static func changed(_ path: String) -> PatchError {
    PatchError(
      .inputOutput, path: path, "the file changed while it was read",
      remedy: "leave inputs alone while they are read")
  }

  /// An input that cannot be opened or is not what it should be.
  package init(_ error: CheckpointError) {
    switch error.cause {
    case .system(let system):
      self.init(.cannotOpen, path: error.path, system.reason)
    case .format(let format):
      self.init(.badInput, path: error.path, "\(format)")
    case .inconsistent(let reason):
      self.init(.badInput, path: error.path, reason)
    }
  }

  /// An output that cannot be made or written.
  package init(output error: SystemError, path: String) {
    switch error.call {
    case _ where error.kind == .exists:
      self.init(
        .outputExists, path: path, "there is already something of this name",
        remedy: "allow it to be replaced, or choose another name for the output",
        option: .overwriting)
    case _ where error.kind == .notRegular:
      self.init(
        .cannotCreate, path: path,
        "there is a device, a pipe or a socket of this name, or a link to one; it is not replaced",
        remedy: "choose another name for the output")
    case _ where error.kind == .lostMemory:
      self.init(
        .inputOutput, path: path,
        "an input became shorter, or unreadable, while it was copied here",
        remedy: "leave inputs alone while they are read, and check the disk")
    case "pwrite", "fsync", "fdatasync", "fallocate", "close", "unlink", "flock":
      self.init(.inputOutput, path: path, "\(error)")
    default:
      self.init(.cannotCreate, path: path, "\(error)")
    }
  }

  /// Runs `body` and says of its error that an input is at fault.
  package static func opening<Result>(
    _ body: () throws(CheckpointError) -> Result
  ) throws(PatchError) -> Result {
    do {
      return try body()
    } catch {
      throw PatchError(error)
    }
  }

  /// Runs `body` and says of its error that the output at `path` is at fault.
  package static func writing<Result: ~Copyable>(
    _ path: String, _ body: () throws(SystemError) -> Result
  ) throws(PatchError) -> Result {
    do {
      return try body()
    } catch {
      throw PatchError(output: error, path: path)
    }
  }
}
