internal import Glibc
internal import PatchEngine

/// The functions of a caller that this library calls, which must not wait for the work that they are part of.
enum Callbacks {
  /// Set in threads that are in such a function; nil where the process has too many keys.
  private static let key: pthread_key_t? = {
    var key = pthread_key_t()
    return unsafe pthread_key_create(&key, nil) == 0 ? key : nil
  }()

  /// Calls a function of the caller.
  static func call<Result>(_ function: () -> Result) -> Result {
    guard let key else { return function() }
    let outer = unsafe pthread_getspecific(key)
    unsafe pthread_setspecific(key, UnsafeRawPointer(bitPattern: 1))
    defer { unsafe pthread_setspecific(key, outer) }
    return function()
  }

  /// - Throws: ``PatchError`` of kind `usage` if this thread is in one.
  static func refuse() throws(PatchError) {
    guard let key, unsafe pthread_getspecific(key) != nil else { return }
    throw .argument("a callback cannot work on a model: that would wait for itself")
  }
}
