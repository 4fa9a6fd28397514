internal import Foundation
internal import Synchronization

/// Archives of the fixtures, unpacked into a folder that goes when the process ends.
package struct UnpackedArchive: Sendable {
  package let folder: String

  /// Unpacks the fixtures of these names into one folder.
  package init(_ names: String...) throws {
    struct Failure: Error { let status: Int32 }
    folder =
      FileManager.default.temporaryDirectory
      .appendingPathComponent("gradiend-patch-\(names[0])-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    Self.removeAtExit(folder)
    for name in names {
      let tar = Process()
      tar.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      tar.arguments = ["tar", "xf", Fixtures.path(name), "-C", folder]
      try tar.run()
      tar.waitUntilExit()
      guard tar.terminationStatus == 0 else { throw Failure(status: tar.terminationStatus) }
    }
  }

  private static let folders = Mutex<[String]>([])

  private static func removeAtExit(_ folder: String) {
    let isFirst = folders.withLock { folders in
      folders.append(folder)
      return folders.count == 1
    }
    guard isFirst else { return }
    // A C function: it captures nothing.
    atexit {
      for folder in UnpackedArchive.folders.withLock({ $0 }) {
        try? FileManager.default.removeItem(atPath: folder)
      }
    }
  }
}
