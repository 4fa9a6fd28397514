internal import CCrypto
internal import CXXHash

/// A quarter of a 128-bit digest, enough to name what differs.
package struct Digest32: Hashable, Sendable {
  package let value: UInt32

  package init(value: UInt32) {
    self.value = value
  }
}

extension Digest32: CustomStringConvertible {
  /// Eight hexadecimal digits, most significant first.
  package var description: String { hexadecimal(value) }
}

/// A 64-bit XXH3 digest, enough to trust where little depends on it.
package struct Digest64: Hashable, Sendable {
  package let value: UInt64

  package init(value: UInt64) {
    self.value = value
  }

  /// XXH3 of `bytes`, seed 0. Runs at memory speed.
  package init(of bytes: RawSpan) {
    value = unsafe bytes.withUnsafeBytes { unsafe XXH3_64bits($0.baseAddress, $0.count) }
  }
}

extension Digest64: CustomStringConvertible {
  /// Sixteen hexadecimal digits, most significant first.
  package var description: String { hexadecimal(value) }
}

/// A 128-bit XXH3 digest, enough to trust against accidents, not against an adversary.
package struct Digest128: Hashable, Sendable {
  package let high: UInt64
  package let low: UInt64

  package init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// XXH3 of `bytes`, seed 0. Runs at memory speed.
  package init(of bytes: RawSpan) {
    let hash = unsafe bytes.withUnsafeBytes { unsafe XXH3_128bits($0.baseAddress, $0.count) }
    high = hash.high64
    low = hash.low64
  }

  /// The lowest quarter.
  package var digest32: Digest32 { Digest32(value: UInt32(truncatingIfNeeded: low)) }
}

extension Digest128: CustomStringConvertible {
  /// Thirty-two hexadecimal digits, most significant first.
  package var description: String { hexadecimal(high) + hexadecimal(low) }
}

/// A 128-bit XXH3 digest of bytes that come piece by piece.
@safe
package final class RunningDigest128: @unchecked Sendable {
  private let state: OpaquePointer

  package init() {
    guard let state = unsafe XXH3_createState() else {
      preconditionFailure("no memory for 600 bytes")
    }
    unsafe XXH3_128bits_reset(state)
    unsafe self.state = state
  }

  package func update(_ bytes: RawSpan) {
    unsafe bytes.withUnsafeBytes { _ = unsafe XXH3_128bits_update(state, $0.baseAddress, $0.count) }
  }

  /// The digest of all bytes so far.
  package func finish() -> Digest128 {
    let hash = unsafe XXH3_128bits_digest(state)
    return Digest128(high: hash.high64, low: hash.low64)
  }

  deinit {
    unsafe XXH3_freeState(state)
  }
}

/// A running SHA-256, the digest by which hubs name files.
@safe
package final class SHA256: @unchecked Sendable {
  private let context: OpaquePointer

  package init() {
    guard let context = unsafe EVP_MD_CTX_new(),
      unsafe EVP_DigestInit_ex(context, EVP_sha256(), nil) == 1
    else { preconditionFailure("libcrypto offers no SHA-256") }
    unsafe self.context = context
  }

  package func update(_ bytes: RawSpan) {
    let status = unsafe bytes.withUnsafeBytes {
      unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count)
    }
    precondition(status == 1)
  }

  /// The digest as sixty-four hexadecimal digits. Nothing may be added afterwards.
  package func finish() -> String {
    let digest = unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
      let status = unsafe EVP_DigestFinal_ex(context, buffer.baseAddress, nil)
      precondition(status == 1)
      count = 32
    }
    return digest.map { hexadecimal($0) }.joined()
  }

  deinit {
    unsafe EVP_MD_CTX_free(context)
  }
}

private func hexadecimal<T: FixedWidthInteger>(_ value: T) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: T.bitWidth / 4 - digits.count) + digits
}
