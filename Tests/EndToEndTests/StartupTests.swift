import Foundation
import Glibc
import TestSupport
import Testing

/// What the program does before its own code runs.
@Suite struct StartupTests {
  @Test func `the program starts no threads for BLAS, and keeps all its cores`() throws {
    let stage = try Stage()
    let pipe = stage.folder.path("pipe")
    #expect(mkfifo(pipe, 0o600) == 0)
    let process = try stage.program.start(["inspect", "pipe"])
    // Opening the other end returns once the program waits in opening this one.
    let writer = open(pipe, O_WRONLY)
    #expect(writer >= 0)
    let status = try String(contentsOfFile: "/proc/\(process.identifier)/status", encoding: .utf8)
    close(writer)
    _ = process.wait()
    // One thread waits for signals.
    #expect(Self.field("Threads", in: status) == "2")
    let own = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    #expect(Self.field("Cpus_allowed", in: status) == Self.field("Cpus_allowed", in: own))
  }

  private static func field(_ name: String, in status: String) -> String? {
    status.split(separator: "\n").first { $0.hasPrefix("\(name):") }
      .map { $0.dropFirst(name.utf8.count + 1).trimmingCharacters(in: .whitespaces) }
  }
}
