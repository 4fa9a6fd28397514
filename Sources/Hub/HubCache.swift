package import PatchFormat
internal import ByteIO

/// The local cache that `hf download` and other programs of the Hub fill (Formats/hub.md, section 2).
///
/// It is only read.
package struct HubCache: Sendable {
  /// The folder that holds one folder a repository.
  package let path: String

  package init(path: String) {
    self.path = path
  }

  /// The cache that the environment asks for, nil if nothing says where it is.
  ///
  /// - Parameter variable: the value of a variable of the environment, nil if it is not set or
  ///   empty.
  package init?(environment variable: (String) -> String?) {
    let home = variable("HOME")
    /// `~` at the start is the home folder, as for every other program that reads these variables.
    func expanded(_ path: String) -> String {
      guard let home, path == "~" || path.hasPrefix("~/") else { return path }
      return home + path.dropFirst()
    }
    if let cache = variable("HF_HUB_CACHE") ?? variable("HUGGINGFACE_HUB_CACHE") {
      path = expanded(cache)
    } else if let folder = variable("HF_HOME") {
      path = Folder.join(expanded(folder), "hub")
    } else if let caches = variable("XDG_CACHE_HOME") {
      path = Folder.join(expanded(caches), "huggingface/hub")
    } else if let home {
      path = Folder.join(home, ".cache/huggingface/hub")
    } else {
      return nil
    }
  }

  /// Why something is not in the cache.
  package enum Absence: Error, Equatable, Sendable {
    case noRepository
    /// The repository is there, but not this revision of it.
    case noRevision(String)
    /// The revision is there, but not this file or folder.
    case noPath(String)
    /// The cache does not hold together: which file, and what is wrong with it.
    case damaged(path: String, String)
  }

  /// Where something of the Hub lies.
  ///
  /// - Throws: ``Absence``.
  /// - Complexity: a few look-ups.
  package func locate(_ reference: HubReference) throws(Absence) -> HubLocation {
    let folder = Folder.join(path, reference.repository.folderName)
    guard (try? FileStatus(path: folder))?.isFolder == true else { throw .noRepository }
    let revision = reference.revision ?? "main"
    let commit = try commit(of: revision, in: folder)
    let snapshot = Folder.join(folder, "snapshots/\(commit)")
    guard (try? FileStatus(path: snapshot))?.isFolder == true else { throw .noRevision(revision) }
    let origin = Provenance(repository: reference.repository, commit: commit)
    guard let path = reference.path else { return HubLocation(path: snapshot, origin: origin) }
    let inside = Folder.join(snapshot, path)
    guard FileStatus.exists(inside) else { throw .noPath(path) }
    guard (try? FileStatus(path: inside)) != nil else {
      throw .damaged(
        path: inside, "this link leads nowhere: what it should show is not in the cache")
    }
    return HubLocation(path: inside, origin: origin)
  }

  /// Whether `path`, links followed, is the folder of a repository in any cache, or lies in one.
  package static func holds(_ path: String) -> Bool {
    guard var folder = Folder.resolved(path) else { return false }
    while folder != "/" {
      if RepositoryName(folderName: Folder.lastComponent(of: folder)) != nil,
        ["blobs", "refs", "snapshots"].contains(where: {
          FileStatus.exists(Folder.join(folder, $0))
        })
      {
        return true
      }
      folder = Folder.parent(of: folder)
    }
    return false
  }

  /// What a reference stands for; a commit stands for itself.
  private func commit(of revision: String, in folder: String) throws(Absence) -> Commit {
    let reference = Folder.join(folder, "refs/\(revision)")
    guard (try? FileStatus(path: reference))?.isRegularFile == true,
      let file = try? MappedFile(path: reference)
    else {
      if let commit = Commit(revision) { return commit }
      // As Git shortens it, if there is one that begins so.
      let snapshots = (try? Folder.names(in: Folder.join(folder, "snapshots"))) ?? []
      let commits = snapshots.compactMap { Commit($0) }.filter {
        $0.description.hasPrefix(revision)
      }
      guard revision.utf8.count >= 7, commits.count == 1 else { throw .noRevision(revision) }
      return commits[0]
    }
    let text = String(decoding: file.bytes.extracting(first: 64).array, as: UTF8.self)
    guard let commit = Commit(text.filter { !$0.isWhitespace }) else {
      throw .damaged(path: reference, "this file should hold the name of a commit, 40 digits")
    }
    return commit
  }
}

/// Where something of the Hub lies in a cache.
package struct HubLocation: Equatable, Sendable {
  package let path: String
  package let origin: Provenance
}

extension Provenance {
  /// The origin of what lies at `path`, if that is in the snapshot of any cache, by whatever
  /// path it is named.
  package init?(ofPath path: String) {
    // A file in a snapshot is mostly a link that leads elsewhere; its folder never is.
    let isFolder = (try? FileStatus(path: path))?.isFolder ?? false
    guard let folder = Folder.resolved(isFolder ? path : Folder.parent(of: path)) else {
      return nil
    }
    let parts = folder.split(separator: "/").map { String($0) }
    for index in parts.indices.dropFirst(2).reversed() where parts[index - 1] == "snapshots" {
      if let repository = RepositoryName(folderName: parts[index - 2]),
        let commit = Commit(parts[index])
      {
        self.init(repository: repository, commit: commit)
        return
      }
    }
    return nil
  }
}

extension RepositoryName {
  /// The name of its folder in a cache.
  package var folderName: String { "models--" + (owner.map { $0 + "--" } ?? "") + name }

  /// The repository whose folder in a cache has this name.
  package init?(folderName: String) {
    guard folderName.hasPrefix("models--") else { return nil }
    let parts = String(folderName.dropFirst("models--".count))
    self.init(parts.replacing("--", with: "/", maxReplacements: 1))
  }
}

/// The files of a cache, named by what they hold.
package enum HubBlob {
  /// The SHA-256 that the file at `path` should have, if it is a link into a cache and was large
  /// enough for the Hub to name it so.
  package static func expectedSHA256(ofFile path: String) -> String? {
    guard let target = Folder.resolved(path),
      Folder.lastComponent(of: Folder.parent(of: target)) == "blobs"
    else { return nil }
    let name = Folder.lastComponent(of: target)
    let isDigest =
      name.utf8.count == 64
      && name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    return isDigest ? name : nil
  }
}
