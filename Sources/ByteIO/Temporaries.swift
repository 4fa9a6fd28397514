internal import Glibc
internal import Synchronization

/// Unfinished outputs of this process, so that whatever ends it can remove them.
///
/// An output is registered while it is made and released once it has its final name.
enum Temporaries {
  private static let paths = Mutex<[String]>([])

  /// Runs `make`, which creates `path`, so that no removal falls between the two.
  static func register<Made>(
    _ path: String, _ make: () throws(SystemError) -> Made
  ) throws(SystemError) -> Made {
    try paths.withLock { (paths: inout [String]) throws(SystemError) -> sending Made in
      let made = try make()
      paths.append(path)
      return made
    }
  }

  /// Runs `rename`, which gives `path` its final name, so that no removal falls between the two.
  static func release(
    _ path: String, _ rename: () throws(SystemError) -> Void
  ) throws(SystemError) {
    try paths.withLock { (paths: inout [String]) throws(SystemError) in
      try rename()
      paths.removeAll { $0 == path }
    }
  }

  /// Removes `path`, and what it holds if it is a folder.
  static func remove(_ path: String) {
    removeTree(path)
    forget(path)
  }

  /// Leaves `path` as it is, or is no more.
  static func forget(_ path: String) {
    paths.withLock { paths in paths.removeAll { $0 == path } }
  }

  /// Removes everything registered and calls `end` while nothing new can be registered.
  static func removeAll(thenEnd end: () -> Never) -> Never {
    paths.withLock { paths in
      for path in paths.reversed() { removeTree(path) }
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
