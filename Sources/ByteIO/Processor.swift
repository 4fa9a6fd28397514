internal import CLinux

/// The machine this process runs on.
package enum Processor {
  /// How many cores the process may use, at least 1.
  package static var coreCount: Int { Int(clinux_core_count()) }
}
