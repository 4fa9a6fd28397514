import ByteIO
import Foundation
import Glibc
import TestSupport
import Testing

/// A disk that fails at one of its calls, and of which a part of what was not synchronised is lost.
///
/// It never waits for the real disk. For one thread only.
final class FaultyDisk: Disk, @unchecked Sendable {
  enum Fault {
    /// The power goes: this call and all later ones fail.
    case powerLoss
    /// Only this call fails, for this reason.
    case error(Int32)
  }

  private static let sectorByteCount = 512

  /// A name that changed since its folder was synchronised.
  private enum NameChange {
    case renamed(from: String, to: String)
    /// Kept elsewhere until it is certain.
    case removed(String, keptAt: String)
  }

  private let system = SystemDisk()
  private let fault: Fault
  private let failingCall: Int?
  /// Calls so far.
  private(set) var callCount = 0
  /// What another process does just before one of the calls.
  var interference: (call: Int, act: () throws -> Void)?
  /// The last bytes that are certain, of sectors that were written since.
  private var durable: [FileStatus.Identity: [Int: [UInt8]]] = [:]
  /// Where the files are now.
  private var paths: [FileStatus.Identity: String] = [:]
  private var nameChanges: [NameChange] = []

  init(failingAt call: Int? = nil, _ fault: Fault = .powerLoss) {
    failingCall = call
    self.fault = fault
  }

  /// Whether a call failed.
  var hasFailed: Bool { failingCall.map { callCount > $0 } ?? false }

  private func count(_ call: String, _ path: String) throws(SystemError) {
    defer { callCount += 1 }
    if let interference, interference.call == callCount {
      #expect(throws: Never.self) { try interference.act() }
    }
    guard let failingCall else { return }
    switch fault {
    case .powerLoss where callCount >= failingCall:
      throw SystemError(call, path: path, code: EIO)
    case .error(let code) where callCount == failingCall:
      throw SystemError(call, path: path, code: code)
    default: break
    }
  }

  // MARK: Calls

  func create(_ path: String) throws(SystemError) -> DiskFile {
    try count("open", path)
    return try system.create(path)
  }

  func reserve(_ byteCount: Int, of file: DiskFile) throws(SystemError) {
    try count("fallocate", file.path)
    try system.reserve(byteCount, of: file)
  }

  func write(_ bytes: RawSpan, to file: DiskFile, at offset: Int) throws(SystemError) {
    remember(file, offset..<offset + bytes.byteCount)
    do {
      try count("pwrite", file.path)
    } catch {
      // The process may be stopped in the middle of a write.
      if bytes.byteCount > 1 {
        try system.write(bytes.extracting(0..<bytes.byteCount / 2), to: file, at: offset)
      }
      throw error
    }
    try system.write(bytes, to: file, at: offset)
  }

  func synchronise(_ file: DiskFile) throws(SystemError) {
    try count("fdatasync", file.path)
    durable[file.identity] = nil
  }

  func rename(_ path: String, to newPath: String) throws(SystemError) {
    try count("rename", newPath)
    try system.rename(path, to: newPath)
    try move(to: newPath)
    nameChanges.append(.renamed(from: path, to: newPath))
  }

  func remove(_ path: String) throws(SystemError) {
    try count("unlink", path)
    let kept = path + ".removed-\(callCount)"
    try system.rename(path, to: kept)
    try move(to: kept)
    nameChanges.append(.removed(path, keptAt: kept))
  }

  func synchroniseFolder(_ path: String) throws(SystemError) {
    try count("fsync", path)
    forgetRemoved()
    nameChanges = []
  }

  // MARK: Losses

  /// Loses some of the sectors that were written and not synchronised, and some of the names that
  /// changed last.
  func losePower(using generator: inout SeededGenerator) {
    for (identity, sectors) in durable {
      guard let path = paths[identity], let file = FileHandle(forUpdatingAtPath: path) else {
        continue
      }
      for (sector, bytes) in sectors.sorted(by: { $0.key < $1.key })
      where Bool.random(using: &generator) {
        try? file.seek(toOffset: UInt64(sector * Self.sectorByteCount))
        file.write(Data(bytes))
      }
    }
    durable = [:]
    for change in nameChanges.reversed() {
      guard Bool.random(using: &generator) else { break }
      nameChanges.removeLast()
      switch change {
      case .renamed(let from, let to): Glibc.rename(to, from)
      case .removed(let path, let kept): Glibc.rename(kept, path)
      }
    }
    forgetRemoved()
  }

  /// What a process that was killed leaves: all that it wrote.
  func end() {
    forgetRemoved()
    nameChanges = []
  }

  deinit { forgetRemoved() }

  private func forgetRemoved() {
    for case .removed(_, let kept) in nameChanges { unlink(kept) }
  }

  private func remember(_ file: DiskFile, _ range: Range<Int>) {
    let path = paths[file.identity] ?? file.path
    paths[file.identity] = path
    guard let contents = FileHandle(forReadingAtPath: path) else { return }
    let size = Self.sectorByteCount
    for sector in range.lowerBound / size..<(range.upperBound + size - 1) / size
    where durable[file.identity]?[sector] == nil {
      try? contents.seek(toOffset: UInt64(sector * size))
      durable[file.identity, default: [:]][sector] = [UInt8](contents.readData(ofLength: size))
    }
  }

  private func move(to path: String) throws(SystemError) {
    paths[try FileStatus(path: path).identity] = path
  }
}
