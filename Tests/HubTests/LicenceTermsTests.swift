import Hub
import PatchFormat
import Testing

@Suite struct LicenceTermsTests {
  @Test(
    arguments: [
      ("meta-llama/Llama-3.2-3B", "llama3.2"), ("meta-llama/Meta-Llama-3-8B", "llama3"),
      ("meta-llama/Llama-3.1-8B-Instruct", "llama3.1"), ("meta-llama/Llama-2-7b-hf", "llama2"),
      ("a/llama3.3-x", "llama3.3"), ("meta-llama/Llama-4-Scout-17B-16E", "llama4"),
      ("google/gemma-2-2b", "gemma"), ("a/TinyLlama-1.1B", nil), ("gpt2", nil),
      ("a/Llama-3.5", nil),
    ] as [(String, String?)])
  func `a name tells a likely licence`(name: String, licence: String?) throws {
    let repository = try #require(RepositoryName(name))
    #expect(LicenceTerms.likely(for: repository)?.identifier == licence)
  }

  @Test func `the terms of Llama 3.2 are those of its licence, 1.b`() throws {
    let terms = try #require(LicenceTerms(["other", "Llama3.2"]))
    #expect(
      terms.notice == "Llama 3.2 is licensed under the Llama 3.2 Community License, Copyright © "
        + "Meta Platforms, Inc. All Rights Reserved.")
    #expect(terms.display == "Built with Llama")
    #expect(terms.allowsName("Llama-3.2-3B-debiased"))
    #expect(!terms.allowsName("debiased-Llama-3.2-3B"))
  }

  @Test func `Llama 3 asks for its number too`() throws {
    let terms = try #require(LicenceTerms(["llama3"]))
    #expect(terms.display == "Built with Meta Llama 3")
    #expect(terms.allowsName("Llama-3-8B-debiased"))
    #expect(!terms.allowsName("Meta-Llama-3-8B-debiased"))
  }

  @Test func `other licences have no terms here`() {
    #expect(LicenceTerms(["mit", "apache-2.0", "other"]) == nil)
    #expect(LicenceTerms([]) == nil)
  }
}
