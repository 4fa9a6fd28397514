internal import ByteIO
internal import Checkpoints
package import PatchFormat

/// The files that all shares of one run left, in their order.
package struct ShareSet: Sendable {
  package let files: [ShareFile]

  /// - Parameters:
  ///   - files: in any order.
  ///   - kind: what they must be.
  ///   - path: where they were looked for.
  /// - Throws: ``PatchError`` naming the file that is missing, doubled, or of another run.
  package init(
    _ files: [ShareFile], _ kind: ShareHeader.Kind, in path: String? = nil
  ) throws(PatchError) {
    guard let first = files.first else {
      throw PatchError(
        path == nil ? .usage : .cannotOpen, path: path, "there is no \(kind.name)",
        remedy: "run all shares first")
    }
    var found: [Int: ShareFile] = [:]
    for file in files {
      guard file.header.kind == kind else {
        throw PatchError(
          .badInput, path: file.path, "this is a \(file.header.kind.name), and no \(kind.name)")
      }
      if let fault = file.header.difference(from: first.header) {
        throw PatchError(
          .badInput, path: file.path,
          "this \(kind.name) is of another run than \(first.path): \(fault)",
          remedy: file.header.count == first.header.count
            ? "run the shares that were run with other inputs or options again"
            : kind.remedy(dividedBy: first.header.count, and: file.header.count))
      }
      if let other = found.updateValue(file, forKey: file.header.number) {
        throw PatchError(
          .badInput, path: file.path,
          "this is the \(kind.name) of share \(file.header.number), as \(other.path) is",
          remedy: "leave one of them out")
      }
    }
    let count = first.header.count
    // No more numbers are gone through than there are files, whatever count they claim.
    guard found.count == count else {
      let missing = (1...).lazy.filter { found[$0] == nil }.prefix(min(10, count - found.count))
      let more = count - found.count > 10 ? " and \(count - found.count - 10) more" : ""
      let list = missing.map(String.init).joined(separator: ", ") + more
      throw PatchError(
        .badInput, path: path ?? first.path,
        "of \(count) shares, the \(kind.name)s of these are missing: \(list)",
        remedy: "run what is missing" + (path == nil ? ", and name the files of all shares" : ""))
    }
    self.files = (1...count).compactMap { found[$0] }
  }
}

extension ShareHeader.Kind {
  /// What to do about files of two divisions: running shares again replaces none of another division.
  fileprivate func remedy(dividedBy count: Int, and other: Int) -> String {
    let verb = self == .piece ? "leave out" : "remove"
    return "\(verb) the \(name)s of \(count), or those of \(other)"
  }
}

extension ShareHeader {
  /// In what the runs differ of which two files are; nil if they are of the same.
  func difference(from other: ShareHeader) -> String? {
    guard count == other.count else { return "it is one of \(count), not of \(other.count)" }
    guard agreed != other.agreed else { return nil }
    func value(_ key: String, in header: ShareHeader) -> String {
      let value = header.agreed.first { $0.key == key }?.value
      return value.map { "'\($0.prefix(80))'" } ?? "not there"
    }
    let keys = agreed.map(\.key) + other.agreed.map(\.key)
    guard let key = keys.first(where: { value($0, in: self) != value($0, in: other) }) else {
      return "its metadata are in another order, or other than they look"
    }
    return "its '\(key)' is \(value(key, in: self)), that of the other \(value(key, in: other))"
  }
}
