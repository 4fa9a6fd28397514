import PatchTestSupport
import Foundation
import Glibc
import GradiendPatch
import Synchronization
import TestSupport
import Testing

/// Inputs that somebody writes to while they are read.
@Suite struct ChangingInputTests {
  let bench: Workbench
  static let elementCount = 1 << 20

  init() throws { bench = try Workbench() }

  @Test(arguments: ["diff", "create"])
  func `a patch made meanwhile is that of one reading, or none`(command: String) throws {
    try write(seed: 1, to: "base")
    try write(seed: 2, to: "result")
    var gradiend = GradiendBuilder([
      .init("w", [Self.elementCount], .indices((0..<1000).map { 1000 * $0 }))
    ])
    if command == "create" { try gradiend.write(to: bench.folder, as: "gradiend") }
    try whileScribbling(on: "base") {
      for round in 0..<2 {
        do throws(PatchError) {
          if command == "create" {
            try bench.create("base", "gradiend", to: "patch-\(round)", rate: 1, threads: 1)
          } else {
            try bench.diff("base", "result", to: "patch-\(round)", threads: 1)
          }
        } catch {
          #expect(error.message == "the file changed while it was read")
        }
      }
    }
    // Of a diff, only the base changed: stripping the result has to give the very bytes whose
    // digests and SHA-256 the patch has.
    guard command == "diff" else { return }
    for name in try bench.folder.names() where name.hasPrefix("patch") {
      var patching = Patching(
        .strip, checkpoint: bench.path("result"), patch: bench.path(name),
        output: bench.path("again"))
      patching.checksSHA256 = true
      patching.overwrites = true
      #expect(throws: Never.self) { try patching.run() }
    }
  }

  @Test func `what is applied meanwhile is right, or refused`() throws {
    try write(seed: 1, to: "base")
    try write(seed: 2, to: "result")
    try bench.diff("base", "result", to: "patch")
    let result = try bench.bytes("result")
    try whileScribbling(on: "base") {
      for round in 0..<2 where (try? bench.apply("patch", to: "base", as: "out-\(round)")) != nil {
        let output = try bench.bytes("out-\(round)")
        #expect(output == result)
      }
      #expect(throws: Never.self) { try bench.verify("base", "patch") }
    }
  }

  @Test func `a file that was written to meanwhile is named`() throws {
    try write(seed: 1, to: "base")
    try write(seed: 2, to: "result")
    var comparison = Diff(
      base: bench.path("base"), result: bench.path("result"), output: bench.path("patch"))
    comparison.threadCount = 1
    let path = bench.path("result")
    let error = try #require(throws: PatchError.self) {
      try comparison.run { progress in
        let file = open(path, O_WRONLY | O_CLOEXEC)
        pwrite(file, [UInt8](repeating: 1, count: 1000), 1000, 500)
        close(file)
      }
    }
    #expect(error.kind == .inputOutput)
    #expect(error.path == path)
    #expect(error.message == "the file changed while it was read")
    #expect(try bench.folder.names() == ["base", "result"])
  }

  // MARK: Parts

  /// Calls `body` while a thread writes words of any kind to the tensors of a file.
  private func whileScribbling(on name: String, _ body: () throws -> Void) throws {
    let size = try bench.bytes(name).count
    let file = open(bench.path(name), O_RDWR | O_CLOEXEC)
    try #require(file >= 0)
    defer { close(file) }
    let start = try #require(mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0))
    defer { munmap(start, size) }
    let scribbler = Scribbler(start, size)
    defer { scribbler.stop() }
    // Once a page was written to, the file's time stays until the system has stored the page.
    usleep(50_000)
    try body()
  }

  private func write(seed: UInt64, to name: String) throws {
    var generator = SeededGenerator(seed: seed)
    var builder = SafetensorsBuilder()
    var bytes = [UInt8](repeating: 0, count: 2 * Self.elementCount)
    // One value in a hundred is another, as after an update.
    for index in stride(from: 0, to: bytes.count, by: 200) {
      bytes[index + 1] = UInt8(truncatingIfNeeded: generator.next())
    }
    builder.add("w", "BF16", [Self.elementCount], bytes)
    try bench.folder.write(builder.bytes, to: name)
  }
}

/// A thread that writes random bytes to memory, but for the first page.
private final class Scribbler: @unchecked Sendable {
  private let start: UnsafeMutableRawPointer
  private let size: Int
  private let isDone = Atomic(false)
  private let hasEnded = DispatchSemaphore(value: 0)

  init(_ memory: UnsafeMutableRawPointer, _ byteCount: Int) {
    (start, size) = (memory, byteCount)
    Thread.detachNewThread { [self] in
      var generator = SeededGenerator(seed: 3)
      while !isDone.load(ordering: .relaxed) {
        let word = generator.next()
        let offset = 4096 + Int(word % UInt64(size - 4096))
        start.storeBytes(of: UInt8(word >> 56), toByteOffset: offset, as: UInt8.self)
      }
      hasEnded.signal()
    }
  }

  /// Waits until nothing is written any more.
  func stop() {
    isDone.store(true, ordering: .relaxed)
    hasEnded.wait()
  }
}
