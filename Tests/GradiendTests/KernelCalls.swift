import Gradiend
import Testing

// Calls of kernels on arrays. Raw memory starts `offset` bytes past an aligned address, and what
// lies behind the last element must stay as it was.

func widened(_ words: [UInt16], offset: Int = 0, by kernel: Kernels.Widen) -> [Float] {
  let source = [UInt8](repeating: 0xEE, count: offset) + bytes(of: words)
  return inPlace(Array(repeating: -1, count: words.count)) { values, count in
    source.withUnsafeBytes { bytes in
      guard let start = bytes.baseAddress else { return }
      kernel(start + offset, values, count)
    }
  }
}

func inPlace(
  _ values: [Float], by kernel: (UnsafeMutablePointer<Float>, Int) -> Void
) -> [Float] {
  var buffer = values + [0x1.8p77]
  buffer.withUnsafeMutableBufferPointer { buffer in
    guard let start = buffer.baseAddress else { return }
    kernel(start, values.count)
  }
  #expect(buffer.last == 0x1.8p77)
  return Array(buffer.dropLast())
}

func sum(_ values: [Float], _ summands: [Float], by kernel: Kernels.Add) -> [Float] {
  inPlace(values) { values, count in
    summands.withUnsafeBufferPointer { summands in
      guard let start = summands.baseAddress else { return }
      kernel(start, values, count)
    }
  }
}

/// `starts`, with the products of each row of `rows` and `factors` added.
func sums(
  _ rows: [Float], _ factors: [Float], from starts: [Float], by kernel: Kernels.AddProducts
) -> [Float] {
  inPlace(starts) { values, count in
    rows.withUnsafeBufferPointer { rows in
      factors.withUnsafeBufferPointer { factors in
        guard let rows = rows.baseAddress, let first = factors.baseAddress else { return }
        kernel(rows, first, factors.count, values, count)
      }
    }
  }
}

/// The bytes of the sums of `updates` and `base`.
func added<Word: FixedWidthInteger>(
  _ updates: [Float], to base: [Word], offset: Int = 0, by kernel: Kernels.AddToBase
) -> [UInt8] {
  let source = [UInt8](repeating: 0xEE, count: offset) + bytes(of: base)
  var target = [UInt8](repeating: 0xEE, count: source.count + 16)
  source.withUnsafeBytes { source in
    target.withUnsafeMutableBytes { target in
      updates.withUnsafeBufferPointer { updates in
        guard let from = source.baseAddress, let to = target.baseAddress,
          let updates = updates.baseAddress
        else { return }
        kernel(from + offset, updates, to + offset, base.count)
      }
    }
  }
  #expect(target.prefix(offset).allSatisfy { $0 == 0xEE })
  #expect(target.suffix(16).allSatisfy { $0 == 0xEE })
  return Array(target.dropFirst(offset).dropLast(16))
}

/// Positions where the bits differ.
func differences(_ first: [Float], _ second: [Float]) -> [Int] {
  first.count == second.count
    ? first.indices.filter { first[$0].bitPattern != second[$0].bitPattern } : [-1]
}

/// Positions where the bits differ and not both are NaN.
func differencesInValue(_ first: [Float], _ second: [Float]) -> [Int] {
  differences(first, second).filter { $0 < 0 || !(first[$0].isNaN && second[$0].isNaN) }
}

/// The memory of `words`.
func bytes<Word>(of words: [Word]) -> [UInt8] {
  words.withUnsafeBytes { Array($0) }
}
