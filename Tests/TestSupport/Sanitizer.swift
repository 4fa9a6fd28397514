internal import Glibc

/// The sanitizers that the tests run under.
package enum Sanitizer {
  /// Whether there is one. Each takes address space without end, so that limits say nothing.
  package static let isActive = ["__asan_init", "__tsan_init"].contains { (name: String) in
    dlsym(nil, name) != nil
  }
}
