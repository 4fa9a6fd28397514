import Foundation
import Hub
import PatchFormat
import TestSupport
import Testing

/// Formats/hub.md, section 2.
@Suite struct HubCacheTests {
  let folder: TemporaryDirectory
  static let commit = String(repeating: "0a", count: 20)
  static let other = String(repeating: "1b", count: 20)
  static let digest = String(repeating: "2c", count: 32)

  init() throws {
    folder = try TemporaryDirectory()
    try folder.write(Self.commit, to: "models--a--b/refs/main")
    try folder.write(Self.commit + "\n", to: "models--a--b/refs/feature/x")
    try folder.write(Self.other, to: "models--a--b/refs/gone")
    try folder.write("moved", to: "models--a--b/refs/broken")
    try folder.write("weights", to: "models--a--b/blobs/" + Self.digest)
    try folder.write("{}", to: "models--a--b/blobs/" + Self.commit)
    try link("model.safetensors", to: Self.digest)
    try link("config.json", to: Self.commit)
    try link("missing.json", to: "none")
    try folder.write("x", to: "models--a--b/snapshots/\(Self.commit)/sub/file")
  }

  private func link(_ name: String, to blob: String) throws {
    let snapshot = folder.path("models--a--b/snapshots/\(Self.commit)")
    try FileManager.default.createDirectory(
      atPath: snapshot, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      atPath: snapshot + "/" + name, withDestinationPath: "../../blobs/" + blob)
  }

  private func locate(_ text: String) throws -> Result<HubLocation, HubCache.Absence> {
    let reference = try #require(HubReference(text))
    let cache = HubCache(path: folder.path)
    do throws(HubCache.Absence) {
      return .success(try cache.locate(reference))
    } catch {
      return .failure(error)
    }
  }

  @Test(arguments: [
    "a/b", "a/b@main", "a/b@feature%2Fx", "a/b@" + commit, "a/b@" + commit.prefix(7),
  ])
  func `a revision that is there is found`(text: String) throws {
    let location = try locate(text).get()
    #expect(location.path == folder.path("models--a--b/snapshots/" + Self.commit))
    #expect("\(location.origin)" == "a/b@" + Self.commit)
  }

  @Test func `files and folders of a repository are found`() throws {
    for path in ["model.safetensors", "sub", "sub/file"] {
      #expect(try locate("a/b/" + path).get().path.hasSuffix(Self.commit + "/" + path))
    }
  }

  @Test func `what is missing is named`() throws {
    #expect(try locate("a/c") == .failure(.noRepository))
    #expect(try locate("a/b@v2") == .failure(.noRevision("v2")))
    #expect(try locate("a/b@" + Self.other) == .failure(.noRevision(Self.other)))
    #expect(try locate("a/b@gone") == .failure(.noRevision("gone")))
    #expect(try locate("a/b/none") == .failure(.noPath("none")))
  }

  @Test func `a link without a blob and a strange reference are damage`() throws {
    guard case .failure(.damaged(let link, _)) = try locate("a/b/missing.json"),
      case .failure(.damaged(let reference, _)) = try locate("a/b@broken")
    else {
      Issue.record("not found damaged")
      return
    }
    #expect(link.hasSuffix("/missing.json"))
    #expect(reference.hasSuffix("/refs/broken"))
  }

  @Test(
    arguments: [
      (["HF_HUB_CACHE": "/a", "HUGGINGFACE_HUB_CACHE": "/b", "HF_HOME": "/c"], "/a"),
      (["HUGGINGFACE_HUB_CACHE": "/b", "HF_HOME": "/c"], "/b"),
      (["HF_HOME": "/c", "XDG_CACHE_HOME": "/d", "HOME": "/e"], "/c/hub"),
      (["XDG_CACHE_HOME": "/d", "HOME": "/e"], "/d/huggingface/hub"),
      (["HOME": "/e"], "/e/.cache/huggingface/hub"),
      (["HF_HUB_CACHE": "~/models", "HOME": "/e"], "/e/models"),
      (["HF_HOME": "~", "HOME": "/e"], "/e/hub"),
      ([:], nil),
    ] as [([String: String], String?)])
  func `the environment says where it is`(variables: [String: String], path: String?) {
    #expect(HubCache(environment: { variables[$0] })?.path == path)
  }

  @Test func `a path in a snapshot tells its origin, by whatever way it leads there`() throws {
    let snapshot = folder.path("models--a--b/snapshots/" + Self.commit)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("shortcut"), withDestinationPath: snapshot)
    for path in [
      snapshot, snapshot + "/model.safetensors", snapshot + "/sub/file", snapshot + "/not-there",
      folder.path("shortcut"), folder.path("shortcut/config.json"),
    ] {
      #expect(Provenance(ofPath: path).map { "\($0)" } == "a/b@" + Self.commit, "\(path)")
    }
    for path in [folder.path, folder.path("models--a--b"), folder.path("none/at/all")] {
      #expect(Provenance(ofPath: path) == nil)
    }
  }

  @Test func `only links to large files tell a SHA-256`() {
    let snapshot = folder.path("models--a--b/snapshots/\(Self.commit)/")
    #expect(HubBlob.expectedSHA256(ofFile: snapshot + "model.safetensors") == Self.digest)
    for name in ["config.json", "missing.json", "sub/file"] {
      #expect(HubBlob.expectedSHA256(ofFile: snapshot + name) == nil)
    }
  }
}
