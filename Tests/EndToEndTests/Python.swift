import Foundation
import TestSupport
import Testing

/// The Python that `make test` installs.
enum Python {
  /// The path of one that has these modules. Without it, the test is skipped, or fails where Python
  /// is required.
  static func interpreter(with modules: String) throws -> String {
    struct Missing: Error { let modules: String }
    for path in [Fixtures.repository(".build/python/bin/python3"), "python3"] {
      let probe = Program(folder: "/", executable: path)
      if try probe.run("-c", "import " + modules).status == 0 { return path }
    }
    let remedy = "one of these is missing, and 'make test' installs them: " + modules
    let isRequired = ProcessInfo.processInfo.environment["GRADIEND_PATCH_REQUIRE_PYTHON"] == "1"
    guard !isRequired else { throw Missing(modules: remedy) }
    try Test.cancel("\(remedy)")
  }
}
