// The header documents what it declares.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

internal import ByteIO
internal import CGradiendPatch
internal import Checkpoints
internal import GradiendPatch
internal import PatchEngine

/// A pointer for C, which keeps the object until ``free(_:)``.
func handle(_ object: AnyObject) -> OpaquePointer {
  unsafe OpaquePointer(Unmanaged.passRetained(object).toOpaque())
}

/// The object behind a pointer that ``handle(_:)`` made.
func object<Object: AnyObject>(_ handle: OpaquePointer, _: Object.Type = Object.self) -> Object {
  unsafe Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).takeUnretainedValue()
}

func free<Object: AnyObject>(_ handle: OpaquePointer?, _: Object.Type) {
  guard let handle = unsafe handle else { return }
  unsafe Unmanaged<Object>.fromOpaque(UnsafeRawPointer(handle)).release()
}

/// A text as C has it, for as long as this object lives.
@safe
final class Text: Sendable {
  nonisolated(unsafe) let pointer: UnsafeMutablePointer<CChar>

  convenience init(_ text: String) { self.init(bytes: Array(text.utf8CString)) }

  /// The bytes of a name or path, which need not be UTF-8.
  convenience init(path: String) { self.init(bytes: path.fileName) }

  private init(bytes: [CChar]) {
    unsafe pointer = .allocate(capacity: bytes.count)
    for (index, byte) in bytes.enumerated() { unsafe (pointer + index).initialize(to: byte) }
  }

  deinit { unsafe pointer.deallocate() }
}

/// A list of texts, asked for one by one.
final class Texts: Sendable {
  private let texts: [Text]

  init(_ texts: [String]) { self.texts = texts.map { Text($0) } }

  subscript(index: UInt64) -> UnsafePointer<CChar>? {
    guard index < texts.count else { return nil }
    return unsafe UnsafePointer(texts[Int(index)].pointer)
  }
}

/// What a caller wrote.
///
/// - Throws: ``PatchError`` of kind `usage` if that is not UTF-8.
func text(_ pointer: UnsafePointer<CChar>) throws(PatchError) -> String {
  guard let text = unsafe String(validatingCString: pointer) else {
    throw unsafe .argument("'\(String(cString: pointer))' is not UTF-8")
  }
  return text
}

// MARK: - Errors

typealias ErrorPlace = UnsafeMutablePointer<OpaquePointer?>?

final class ErrorTexts: Sendable {
  let kind: Text
  let message: Text
  let path: Text?
  let tensor: Text?
  let remedy: Text?

  init(_ error: PatchError) {
    kind = Text(error.kind.name)
    message = Text(error.message)
    path = error.path.map { Text(path: $0) }
    tensor = error.tensor.map { Text($0) }
    remedy = error.remedy.map { Text($0) }
  }
}

/// Runs `body`; what it throws goes where the caller wants to find it.
func reporting<Result>(
  to place: ErrorPlace, or failure: Result, _ body: () throws(PatchError) -> Result
) -> Result {
  do throws(PatchError) {
    return try body()
  } catch {
    if let place = unsafe place { unsafe place.pointee = handle(ErrorTexts(error)) }
    return failure
  }
}

@c @implementation
public func gpatch_error_kind(_ error: OpaquePointer) -> UnsafePointer<CChar> {
  unsafe UnsafePointer(object(error, ErrorTexts.self).kind.pointer)
}

@c @implementation
public func gpatch_error_message(_ error: OpaquePointer) -> UnsafePointer<CChar> {
  unsafe UnsafePointer(object(error, ErrorTexts.self).message.pointer)
}

@c @implementation
public func gpatch_error_path(_ error: OpaquePointer) -> UnsafePointer<CChar>? {
  unsafe object(error, ErrorTexts.self).path.map { unsafe UnsafePointer($0.pointer) }
}

@c @implementation
public func gpatch_error_tensor(_ error: OpaquePointer) -> UnsafePointer<CChar>? {
  unsafe object(error, ErrorTexts.self).tensor.map { unsafe UnsafePointer($0.pointer) }
}

@c @implementation
public func gpatch_error_remedy(_ error: OpaquePointer) -> UnsafePointer<CChar>? {
  unsafe object(error, ErrorTexts.self).remedy.map { unsafe UnsafePointer($0.pointer) }
}

@c @implementation
public func gpatch_error_free(_ error: OpaquePointer?) { unsafe free(error, ErrorTexts.self) }

// MARK: - Versions

private let versionText = Text(Version.current)

@c @implementation
public func gpatch_abi_version() -> UInt32 { UInt32(GPATCH_ABI_VERSION) }

@c @implementation
public func gpatch_version() -> UnsafePointer<CChar> {
  unsafe UnsafePointer(versionText.pointer)
}

// MARK: - How work is done

@c @implementation
public func gpatch_cancellation_new() -> OpaquePointer { unsafe handle(Cancellation()) }

@c @implementation
public func gpatch_cancel(_ cancellation: OpaquePointer) {
  unsafe object(cancellation, Cancellation.self).cancel()
}

@c @implementation
public func gpatch_cancellation_free(_ cancellation: OpaquePointer?) {
  unsafe free(cancellation, Cancellation.self)
}

extension Execution {
  /// - Parameter options: nil for the default ones.
  init(_ options: UnsafePointer<gpatch_options>?) {
    guard let options = unsafe options?.pointee else {
      self.init(threadCount: 0)
      return
    }
    let cancellation = unsafe options.cancellation.map { unsafe object($0, Cancellation.self) }
    unsafe self.init(
      threadCount: Int(options.threads), progress: Self.handler(options), cancellation: cancellation
    )
  }

  private static func handler(_ options: gpatch_options) -> ProgressHandler? {
    guard let progress = unsafe options.progress else { return nil }
    // The caller vouches for it.
    nonisolated(unsafe) let context = unsafe options.progress_context
    return { step in
      Callbacks.call { unsafe progress(context, UInt64(step.bytesDone), UInt64(step.byteCount)) }
    }
  }
}
