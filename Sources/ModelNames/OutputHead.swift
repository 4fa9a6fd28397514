internal import Checkpoints

/// The names of output heads, and of the embeddings that they may share a matrix with
/// (Formats/gradiend-checkpoint.md, section 6).
package enum OutputHead {
  private static let heads = [
    "lm_head.weight", "embed_out.weight", "lm_head.decoder.weight",
    "cls.predictions.decoder.weight", "vocab_projector.weight",
  ]
  private static let embeddings = [
    "embed_tokens.weight", "embed_in.weight", "wte.weight", "word_embeddings.weight",
    "shared.weight",
  ]

  /// Whether a tensor is a head, by its name.
  package static func isHead(_ name: String, isGGUF: Bool) -> Bool {
    isGGUF ? name == GGUFMapping.head : ends(name, in: heads)
  }

  /// Whether a tensor is the embedding of tokens, by its name.
  package static func isEmbedding(_ name: String, isGGUF: Bool) -> Bool {
    isGGUF ? name == GGUFMapping.embedding : ends(name, in: embeddings)
  }

  private static func ends(_ name: String, in list: [String]) -> Bool {
    list.contains { name == $0 || name.hasSuffix("." + $0) }
  }
}
