internal import Glibc

/// A folder for files that nobody needs later. It goes when this object does, or a signal comes.
package final class ScratchFolder: Sendable {
  package let path: String

  /// Creates the folder inside the one at `parent`.
  package init(in parent: String, named name: String) throws(SystemError) {
    let tag = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    let path = Folder.join(parent, "\(name)-\(tag)")
    self.path = path
    _ = try Temporaries.register(path) { () throws(SystemError) in
      try retryingInterrupts("mkdir", path: path) { unsafe mkdir(path.fileName, 0o777) }
    }
  }

  /// The path of `name` in the folder.
  package func path(_ name: String) -> String { Folder.join(path, name) }

  /// Removes `name`, and what it holds if it is a folder.
  package func remove(_ name: String) {
    Temporaries.remove(path(name))
  }

  deinit {
    Temporaries.remove(path)
  }
}
