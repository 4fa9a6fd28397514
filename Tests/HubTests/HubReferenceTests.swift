import Hub
import PatchFormat
import Testing

/// Formats/hub.md, section 1.
@Suite struct HubReferenceTests {
  static let commit = String(repeating: "0a", count: 20)

  @Test(
    arguments: [
      ("gpt2", nil, "gpt2", nil, nil),
      ("openai-community/gpt2", "openai-community", "gpt2", nil, nil),
      ("hf://openai-community/gpt2", "openai-community", "gpt2", nil, nil),
      ("https://huggingface.co/a/b", "a", "b", nil, nil),
      ("https://huggingface.co/gpt2/tree/main", nil, "gpt2", "main", nil),
      ("https://huggingface.co/a/b/tree/refs%2Fpr%2F1", "a", "b", "refs/pr/1", nil),
      (
        "https://huggingface.co/a/b/blob/main/sub/x.gguf?download=true", "a", "b", "main",
        "sub/x.gguf"
      ),
      ("https://hf.co/a/b/", "a", "b", nil, nil),
      ("a/b/", "a", "b", nil, nil),
      ("a/b@v1.0", "a", "b", "v1.0", nil),
      ("gpt2@main/onnx/config.json", nil, "gpt2", "main", "onnx/config.json"),
      ("a/b/model.safetensors", "a", "b", nil, "model.safetensors"),
      ("a/b@refs/pr/1", "a", "b", "refs/pr/1", nil),
      ("a/b@refs/pr/1/sub", "a", "b", "refs/pr/1", "sub"),
      ("a/b@refs/convert/parquet/sub", "a", "b", "refs/convert/parquet", "sub"),
      ("a/b@feature%2Fx/sub", "a", "b", "feature/x", "sub"),
      ("meta-llama/Llama-3.2-3B@" + commit, "meta-llama", "Llama-3.2-3B", commit, nil),
    ] as [(String, String?, String, String?, String?)])
  func `names are read`(
    text: String, owner: String?, name: String, revision: String?, path: String?
  ) throws {
    let reference = try #require(HubReference(text))
    #expect(reference.repository.owner == owner)
    #expect(reference.repository.name == name)
    #expect(reference.revision == revision)
    #expect(reference.path == path)
    #expect(reference.isExplicit == text.contains("://"))
    let again = try #require(HubReference("\(reference)"))
    #expect(again.revision == revision && again.path == path)
  }

  @Test(arguments: [
    "", "/", "/a/b", "./a", "../a/b", "a//b", "a/b/../c", "a/b/./c", "a/.b", "-a/b", "a/b.", "a--b",
    "a/b--c", "a..b/c", "a/b.git", "a b/c", "a/ü", "a/b@", "a/b@v 1", "a/b@../main", "a/b@x%2F..",
    "@main", "hf://", "hf:///a", "a/b\u{0}",
  ])
  func `what can be no name is none`(text: String) {
    #expect(HubReference(text) == nil)
  }

  @Test func `a name of more than 96 characters is none`() {
    let part = String(repeating: "a", count: 48)
    #expect(HubReference(part + "/" + part) == nil)
    #expect(HubReference(part + "/" + part.dropFirst()) != nil)
  }

  @Test(arguments: [
    ("a/b", "hf download a/b"),
    ("a/b@v1", "hf download a/b --revision v1"),
    ("a/b@it's", "hf download a/b --revision 'it'\\''s'"),
    ("a/b@x%2Fy/model.gguf", "hf download a/b model.gguf --revision x/y"),
    ("a/b/sub", "hf download a/b --include 'sub/*'"),
  ])
  func `the command that downloads it can be pasted`(text: String, command: String) throws {
    #expect(try #require(HubReference(text)).downloadCommand == command)
  }

  @Test(arguments: ["gpt2", "a/b", "meta-llama/Llama-3.2-3B", "a-b/c_d.e"])
  func `a repository's folder tells its name`(text: String) throws {
    let name = try #require(RepositoryName(text))
    #expect(RepositoryName(folderName: name.folderName) == name)
  }

  @Test(arguments: ["datasets--a--b", "models--", "models--a--b--c", "models---a--b", "a"])
  func `other folders tell no name`(folder: String) {
    #expect(RepositoryName(folderName: folder) == nil)
  }
}
