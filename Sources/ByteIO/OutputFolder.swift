internal import Glibc
internal import Synchronization

/// A folder that appears under its name with all its files, or not at all.
///
/// Unless ``publish()`` succeeded, the temporary folder goes when this object does.
package final class OutputFolder: Sendable {
  private let name: OutputName
  private let synchronises: Bool
  private let files = Mutex<[WritableFile]>([])
  private let isKept = Mutex(false)
  /// The output and all folders in it, by the bytes of their paths within it.
  private let folders: Mutex<[[UInt8]: OpenFolder]>

  /// Creates the temporary folder beside `path`. For `permissions` and `synchronises`, see
  /// ``OutputFile``.
  ///
  /// - Throws: ``SystemError`` under the final name, of kind `exists` if something has that name
  ///   and `overwrites` is false.
  package init(
    path: String, overwrites: Bool, permissions: UInt32 = 0o777, synchronises: Bool = true
  ) throws(SystemError) {
    self.synchronises = synchronises
    let name = try OutputName(path, isFolder: true, overwrites: overwrites)
    self.name = name
    let folder = try name.register { () throws(SystemError) in
      try OpenFolder(creating: name.temporaryPath, permissions: permissions)
    }
    folders = Mutex([[]: folder])
  }

  /// Creates a file in the folder, and the folders on the way to it. For `permissions`, see
  /// ``OutputFile``.
  ///
  /// - Precondition: Every component of `relativePath` is a bare name: the output never leaves its
  ///   folder.
  package func createFile(
    _ relativePath: String, permissions: UInt32 = 0o666
  ) throws(SystemError) -> WritableFile {
    let components = Folder.components(of: relativePath)
    precondition(components.allSatisfy(Folder.isBareName))
    let file = try Temporaries.add { () throws(SystemError) in
      try folders.withLock { (folders) throws(SystemError) in
        try WritableFile(
          creating: components[components.count - 1],
          in: Self.folder(components.dropLast(), in: &folders), permissions: permissions,
          synchronises: synchronises)
      }
    }
    files.withLock { $0.append(file) }
    return file
  }

  /// The folder that `components` lead to, made where it is not there.
  private static func folder(
    _ components: some Sequence<String>, in folders: inout [[UInt8]: OpenFolder]
  ) throws(SystemError) -> OpenFolder {
    var path: [UInt8] = []
    guard var folder = folders[path] else { preconditionFailure("the output has a folder") }
    for component in components {
      path += Array(component.utf8) + [UInt8(ascii: "/")]
      if let known = folders[path] {
        folder = known
      } else {
        folder = try OpenFolder(creating: component, in: folder)
        folders[path] = folder
      }
    }
    return folder
  }

  /// Syncs every file to the disk and gives the folder its name.
  ///
  /// - Parameter others: files that were made elsewhere in the same file system, and are on the disk: they
  ///   are moved here at the last moment, and back if that fails.
  /// - Throws: ``SystemError``; the name then shows what it showed before.
  package func publish(
    moving others: [(path: String, name: String)] = []
  ) throws(SystemError) {
    for file in files.withLock({ $0 }) { try file.finish() }
    if synchronises {
      for folder in folders.withLock({ Array($0.values) }) { try folder.synchronise() }
    }
    var moved: [(path: String, place: String)] = []
    do throws(SystemError) {
      try OutputName.publish([name]) { (rename) throws(SystemError) in
        do throws(SystemError) {
          for (path, other) in others {
            let place = Folder.join(name.temporaryPath, other)
            try Folder.move(path, to: place)
            moved.append((path, place))
          }
          if synchronises, !others.isEmpty { try Folder.synchronise(name.temporaryPath) }
          try rename()
          moved = []
        } catch {
          moved.removeAll { path, place in (try? Folder.move(place, to: path)) != nil }
          throw error
        }
      }
    } catch {
      // What others made must not go with what was made here.
      if !moved.isEmpty { keepTemporary() }
      throw error
    }
  }

  private func keepTemporary() {
    isKept.withLock { $0 = true }
    Temporaries.forget(name.temporaryPath)
  }

  deinit {
    if !isKept.withLock({ $0 }) { name.removeTemporary() }
  }
}
