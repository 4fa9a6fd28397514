import Foundation
import Glibc
import TestSupport
import Testing

/// What the program does before its own code runs.
@Suite struct StartupTests {
  @Test(.disabled(if: Sanitizer.isActive, "a sanitizer starts a thread of its own"))
  func `the program starts one thread that waits for signals, and may use all cores`() throws {
    let stage = try Stage()
    let pipe = stage.folder.path("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    let end = open(pipe, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    try #require(end >= 0)
    defer { close(end) }
    while write(end, [0], 1) == 1 {}
    // The pipe is full, so the program sleeps when it prints.
    let process = try stage.program.start(["inspect", "base.safetensors"], outputPath: pipe)
    var status = ""
    repeat {
      usleep(1000)
      status = try String(contentsOfFile: "/proc/\(process.identifier)/status", encoding: .utf8)
    } while Self.field("Name", in: status) != "gradiend-patch"
      || Self.field("State", in: status)?.hasPrefix("R") ?? false
    #expect(Self.field("State", in: status) == "S (sleeping)")
    process.send(SIGKILL)
    _ = process.wait()
    // One thread waits for signals.
    #expect(Self.field("Threads", in: status) == "2")
    let own = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    #expect(Self.field("Cpus_allowed", in: status) == Self.field("Cpus_allowed", in: own))
  }

  @Test(.enabled(if: ProcessInfo.processInfo.activeProcessorCount > 1, "one core has one thread"))
  func `work is shared among as many threads as there are cores`() throws {
    let stage = try Stage()
    let size = 1 << 30
    let header = #"{"hole":{"dtype":"U8","shape":[\#(size)],"data_offsets":[0,\#(size)]}}"#
    try stage.folder.write(SafetensorsBuilder.file(header: header), to: "large")
    #expect(truncate(stage.folder.path("large"), 8 + header.utf8.count + size) == 0)
    let process = try stage.program.start(["diff", "large", "large", "-o", "none"])
    defer { _ = process.wait() }
    var threadCount = 0
    // The first thread, the one that waits for signals, and those that help the first.
    while process.isRunning, threadCount < 3 {
      let path = "/proc/\(process.identifier)/status"
      let status = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
      threadCount = max(threadCount, Self.field("Threads", in: status).flatMap { Int($0) } ?? 0)
      usleep(1000)
    }
    process.send(SIGKILL)
    #expect(threadCount >= 3)
  }

  private static func field(_ name: String, in status: String) -> String? {
    status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
      .map { $0.dropFirst(name.utf8.count + 1).trimmingCharacters(in: .whitespaces) }
  }
}
