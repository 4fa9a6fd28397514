internal import Glibc

// The system's names are bytes, and a `String` cannot hold all of them. A byte that is part of no
// valid UTF-8 therefore stands in texts as the private-use character U+EF00 + byte, and every call of
// the system turns it back. The bytes of such characters themselves, U+EF80 to U+EFFF, are written
// that way too, so that each name has its own text. None of them becomes `/` or a zero.

private let escapes: ClosedRange<UInt32> = 0xEF80...0xEFFF
private let escapeOffset: UInt32 = 0xEF00

extension String {
  /// The text for a name or path that the system gave, whatever its bytes are.
  package init(fileName bytes: some Sequence<UInt8>) {
    let bytes = Array(bytes)
    self = ""
    var (parser, iterator) = (Unicode.UTF8.ForwardParser(), bytes.makeIterator())
    var position = 0
    func escaped(_ count: Int) -> UnicodeScalarView {
      UnicodeScalarView(
        bytes[position..<position + count].lazy.compactMap {
          Unicode.Scalar(escapeOffset + UInt32($0))
        })
    }
    while true {
      switch parser.parseScalar(from: &iterator) {
      case .valid(let encoded):
        let scalar = Unicode.UTF8.decode(encoded)
        if escapes.contains(scalar.value) {
          unicodeScalars += escaped(encoded.count)
        } else {
          unicodeScalars.append(scalar)
        }
        position += encoded.count
      case .error(let count):
        unicodeScalars += escaped(count)
        position += count
      case .emptyInput: return
      }
    }
  }

  /// The text for a name or path that the system gave, or a caller in C.
  package init(fileName text: UnsafePointer<CChar>) {
    let count = unsafe strlen(text)
    let bytes = unsafe UnsafeRawBufferPointer(start: text, count: count)
    unsafe self.init(fileName: bytes)
  }

  /// The bytes of a name or path, and the zero that ends it: what calls of the system take.
  package var fileName: [CChar] {
    var bytes: [CChar] = []
    bytes.reserveCapacity(utf8.count + 1)
    for scalar in unicodeScalars {
      if escapes.contains(scalar.value) {
        bytes.append(CChar(truncatingIfNeeded: scalar.value))
      } else {
        for byte in scalar.utf8 { bytes.append(CChar(bitPattern: byte)) }
      }
    }
    return bytes + [0]
  }
}
