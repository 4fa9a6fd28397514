/// Finds the tensor of a checkpoint that a parameter name means.
///
/// The rules are those of the reference package, over the names in the file, and two more for files
/// whose names differ from those in memory (Formats/gradiend-checkpoint.md, section 5).
package struct ParameterNames: Sendable {
  /// Every query that leads to exactly one tensor.
  private let tensors: [String: String]
  private let exact: Set<String>

  /// - Parameter names: the names of all tensors, each once.
  /// - Complexity: O(characters of all names).
  package init(_ names: [String]) {
    exact = Set(names)
    var table: [String: String] = [:]
    for name in names { table[name] = name }
    for name in names {
      let unwrapped = Self.unwrapped(name)
      if table[unwrapped] == nil { table[unwrapped] = name }
    }
    var holders: [String: [String]] = [:]
    for name in names {
      for suffix in Self.suffixes(of: Self.unwrapped(name)) {
        holders[suffix, default: []].append(name)
      }
    }
    for (suffix, names) in holders where names.count == 1 && table[suffix] == nil {
      table[suffix] = names[0]
    }
    tensors = table
  }

  /// Finds the tensor that `query` means.
  ///
  /// - Parameters:
  ///   - query: the parameter's name in memory.
  ///   - isWhole: whether the name has all its parts and no others, as in the older layout; then it
  ///     is not found among the suffixes of tensors' names.
  /// - Returns: its name, or nil if there is none, or more than one.
  package func tensor(for query: String, isWhole: Bool = false) -> String? {
    if isWhole, exact.contains(query) { return query }
    for candidate in isWhole ? [] : [query, Self.unwrapped(query), "module." + query] {
      if let tensor = tensors[candidate] { return tensor }
    }
    // Names in memory may have a prefix that files lack, `transformer.h.0…` for `h.0…`.
    let shorter = Self.suffixes(of: Self.unwrapped(query))
    for candidate in shorter where exact.contains(candidate) { return candidate }
    // Older files call the weight and bias of a LayerNorm gamma and beta.
    for (new, old) in [(".weight", ".gamma"), (".bias", ".beta")]
    where query.hasSuffix("LayerNorm" + new) {
      return tensor(for: String(query.dropLast(new.count)) + old, isWhole: isWhole)
    }
    return nil
  }

  /// `name` without the prefixes that wrappers add.
  private static func unwrapped(_ name: String) -> String {
    var rest = Substring(name)
    while let prefix = ["module.", "_orig_mod."].first(where: { rest.hasPrefix($0) }) {
      rest = rest.dropFirst(prefix.count)
    }
    return String(rest)
  }

  /// A name of more parts has no suffixes, as all of them together would take the square of its
  /// length.
  private static let partLimit = 64

  /// The proper suffixes of `name` that have at least two dotted parts, longest first.
  private static func suffixes(of name: String) -> [String] {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard (3...partLimit).contains(parts.count) else { return [] }
    return (1...(parts.count - 2)).map { parts[$0...].joined(separator: ".") }
  }
}
