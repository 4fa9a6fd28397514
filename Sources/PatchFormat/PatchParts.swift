internal import ByteIO
internal import Checkpoints

/// Where the tensors of Formats/patch.md, section 2, lie in a file that has them.
struct PatchParts {
  let deltas: Range<Int>
  let layouts: PatchLayouts?
  let index: Range<Int>

  static let deltasName = "deltas"
  static let layoutsName = "layouts"
  static let indexName = "index"

  /// - Parameters:
  ///   - header: of the file.
  ///   - file: all of it.
  ///   - what: what messages call it.
  /// - Throws: ``FormatError`` if it has other tensors, or layouts that are damaged.
  init(
    _ header: SafetensorsHeader, _ file: RawSpan, of what: String
  ) throws(FormatError) {
    let names = header.tensors.map(\.name)
    guard names.first == Self.deltasName, names.last == Self.indexName,
      names.count == 2 || names.dropFirst().dropLast() == [Self.layoutsName],
      header.tensors.allSatisfy({ $0.elementType == .uint8 && $0.shape.count == 1 })
    else {
      throw .corrupt(
        "\(what) has the U8 tensors 'deltas', perhaps 'layouts', and 'index' in this order; found "
          + header.tensors.map { "\($0.elementType.name) '\($0.name)'" }.joined(separator: ", "),
        at: 8)
    }
    deltas = header.tensors[0].byteRange
    index = header.tensors[names.count - 1].byteRange
    let range = deltas.upperBound..<index.lowerBound
    do throws(FormatError) {
      layouts = names.count == 3 ? try PatchLayouts(parsing: file.extracting(range)) : nil
    } catch {
      throw error.shifted(by: range.lowerBound)
    }
  }
}
