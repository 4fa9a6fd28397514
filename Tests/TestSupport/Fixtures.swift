internal import Foundation

/// The files under `Fixtures`, beside `Tests`.
package enum Fixtures {
  /// The path of the fixture called `name`.
  package static func path(_ name: String) -> String {
    URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Fixtures/" + name).path
  }
}
