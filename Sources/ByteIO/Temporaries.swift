internal import Glibc
internal import Synchronization

/// Unfinished outputs of this process, so that whatever ends it can remove them.
///
/// An output is registered while it is made and released once it has its final name.
enum Temporaries {
  private struct State {
    var paths: [String] = []
    /// A descriptor that is given up to list what must go, should there be no other left.
    var spareDescriptor: Int32 = -1

    mutating func reserveDescriptor() {
      if spareDescriptor < 0 {
        spareDescriptor = unsafe open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      }
    }

    mutating func removeTree(_ path: String) {
      if spareDescriptor >= 0 { close(spareDescriptor) }
      spareDescriptor = -1
      ByteIO.removeTree(path)
      reserveDescriptor()
    }
  }

  private static let state = Mutex(State())

  /// Runs `make`, which creates `path`, so that no removal falls between the two.
  static func register<Made>(
    _ path: String, _ make: () throws(SystemError) -> Made
  ) throws(SystemError) -> Made {
    try state.withLock { (state: inout State) throws(SystemError) -> sending Made in
      state.reserveDescriptor()
      guard state.spareDescriptor >= 0 else { throw SystemError("open", path: path) }
      let made = try make()
      state.paths.append(path)
      return made
    }
  }

  /// Runs `make`, which creates something in a folder that is registered, so that no removal falls
  /// between: the folder would stay, as it is not empty.
  static func add<Made>(
    _ make: () throws(SystemError) -> Made
  ) throws(SystemError) -> Made {
    try state.withLock { (_: inout State) throws(SystemError) -> sending Made in try make() }
  }

  /// Runs `rename`, which gives `paths` their final names, so that no removal falls between.
  static func release(
    _ paths: [String], _ rename: () throws(SystemError) -> Void
  ) throws(SystemError) {
    try state.withLock { (state: inout State) throws(SystemError) in
      try rename()
      state.paths.removeAll { paths.contains($0) }
    }
  }

  /// Removes `path`, and what it holds if it is a folder.
  static func remove(_ path: String) {
    state.withLock { state in
      state.removeTree(path)
      state.paths.removeAll { $0 == path }
    }
  }

  /// Leaves `path` as it is, or is no more.
  static func forget(_ path: String) {
    state.withLock { state in state.paths.removeAll { $0 == path } }
  }

  /// Removes everything registered and calls `end` while nothing new can be registered.
  static func removeAll(thenEnd end: () -> Never) -> Never {
    state.withLock { state in
      for path in state.paths.reversed() { state.removeTree(path) }
      end()
    }
  }
}

/// Removes a file, or a folder with the files in it; links are removed, never followed.
///
/// Failures are ignored: a temporary that cannot be removed says by its name what it is.
private func removeTree(_ path: String) {
  guard unsafe unlink(path.fileName) != 0, errno == EISDIR || errno == EPERM else { return }
  for name in (try? Folder.names(in: path)) ?? [] { removeTree(path + "/" + name) }
  unsafe rmdir(path.fileName)
}
