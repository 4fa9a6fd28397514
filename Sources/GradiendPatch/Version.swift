internal import PatchEngine

/// The version of this library and of the tools made from it.
public enum Version {
  /// Semantic. The format of patches has a version of its own.
  public static let current = "0.1.0"

  /// The day of its last change that users see.
  public static let date = "2026-11-27"
}
