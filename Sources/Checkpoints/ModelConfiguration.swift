internal import ByteIO

/// The few things that matter here in the `config.json` beside a model's weights.
package struct ModelConfiguration: Sendable {
  package let path: String
  private let document: JSONValue

  /// The configuration in a checkpoint's folder, or in the folder of its file.
  ///
  /// - Returns: nil if there is none that can be read.
  package init?(besides checkpoint: Checkpoint) {
    let folder = checkpoint.isFolder ? checkpoint.path : Folder.parent(of: checkpoint.path)
    path = Folder.join(folder, "config.json")
    guard let file = try? MappedFile(path: path),
      let document = try? JSONValue(parsing: file.bytes)
    else { return nil }
    self.document = document
  }

  /// All that it says.
  package var text: String { document.text() }

  package var modelType: String? { document["model_type"]?.string }

  package var headCount: Int? { self["num_attention_heads"]?.integer }
  package var keyHeadCount: Int? { self["num_key_value_heads"]?.integer }

  /// The token that fills sequences up.
  package var paddingToken: Int? { self["pad_token_id"]?.integer }

  /// The token that stands for an image.
  package var imageToken: Int? {
    (document["image_token_index"] ?? document["image_token_id"])?.integer
  }

  /// Whether the model says that its output head is a matrix of its own.
  package var untiesEmbeddings: Bool { self["tie_word_embeddings"] == .boolean(false) }

  /// Models of several kinds of input have the text's configuration inside.
  private subscript(key: String) -> JSONValue? { document[key] ?? document["text_config"]?[key] }
}
