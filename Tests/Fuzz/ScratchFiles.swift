import Foundation
import Synchronization

/// Files in memory for readers that take paths, written anew for every input.
final class ScratchFiles: Sendable {
  let path: String

  /// - Parameter name: of the folder that holds them, which goes with the process.
  init(_ name: String) {
    let parent = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : "/tmp"
    path = "\(parent)/gradiend-patch-fuzz-\(getpid())-\(name)"
    mkdir(path, 0o700)
    Self.folders.withLock { folders in
      if folders.isEmpty {
        // A C function: it captures nothing.
        atexit {
          for folder in ScratchFiles.folders.withLock({ $0 }) {
            try? FileManager.default.removeItem(atPath: folder)
          }
        }
      }
      folders.append(path)
    }
  }

  private static let folders = Mutex<[String]>([])

  func path(_ name: String) -> String { path + "/" + name }

  /// Writes a file, whose name may be in use.
  ///
  /// - Returns: its path.
  @discardableResult
  func write(_ bytes: [UInt8], to name: String) -> String {
    let path = path(name)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    let written = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    expect(written == bytes.count, "files can be written to \(path)")
    close(descriptor)
    return path
  }

  func remove(_ name: String) { unlink(path(name)) }
}
