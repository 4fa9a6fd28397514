internal import ByteIO
internal import Checkpoints
internal import Hub
internal import PatchEngine

/// What others wrote, in a card.
extension CardText {
  /// Comes before the publisher's own part, which a package that is made again takes over.
  private static let mark =
    "<!-- What follows is the publisher's own; a new card takes it over. -->"

  /// The publisher's own part, as a card ends with it.
  static func appendix(_ text: String) -> String {
    "\(mark)\n\n\(text)\(text.hasSuffix("\n") ? "" : "\n")"
  }

  /// The publisher's own part of the card at `path`, nil if there is none.
  static func appendix(ofCard path: String) -> String? {
    guard FileStatus.exists(path), let bytes = try? file(path) else { return nil }
    let card = String(decoding: bytes, as: UTF8.self)
    guard let range = card.firstRange(of: "\n\(mark)\n\n") else { return nil }
    return String(card[range.upperBound...])
  }

  /// The bytes of a text that goes into a card.
  ///
  /// - Throws: ``PatchError`` if it cannot be read, is no UTF-8, or longer than 1 MiB.
  static func file(_ path: String) throws(PatchError) -> [UInt8] {
    let file = try PatchError.opening { () throws(CheckpointError) in
      try CheckpointError.attributing(path) { () throws(SystemError) in
        try MappedFile(path: path)
      }
    }
    guard file.byteCount <= 1 << 20 else {
      throw PatchError(
        .badInput, path: path,
        "this has \(file.byteCount) bytes, more than 1 MiB: no part of a card")
    }
    let bytes = file.bytes.array
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw PatchError(.badInput, path: path, "this is no text in UTF-8")
    }
    return bytes
  }

  /// The paper that a GRADIEND goes back to.
  static let citation = """
    ## Citation

    \(Markdown.block(
      """
      @misc{drechsel2025gradiend,
        title         = {{GRADIEND}: Feature Learning within Neural Networks Exemplified through Biases},
        author        = {Drechsel, Jonathan and Herbold, Steffen},
        year          = {2025},
        eprint        = {2502.01406},
        archivePrefix = {arXiv},
        primaryClass  = {cs.LG},
        url           = {https://arxiv.org/abs/2502.01406}
      }
      """, language: "bibtex"))
    """
}
