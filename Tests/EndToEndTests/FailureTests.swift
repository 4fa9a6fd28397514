import Foundation
import TestSupport
import Testing

/// Disks that are full, streams that are closed, and signals.
@Suite struct FailureTests {
  let stage: Stage

  init() throws { stage = try Stage() }

  // MARK: Standard output

  @Test(arguments: [["--help"], ["inspect", "base"], ["verify", "base", "patch", "--json"]])
  func `a result that cannot be printed is exit 74`(words: [String]) throws {
    let outcome = try stage.program.run(words, outputPath: "/dev/full")
    #expect(outcome.status == 74)
    #expect(
      outcome.error == "gradiend-patch: standard output: No space left on device\n")
  }

  @Test(arguments: ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
  func `closed standard streams do no harm`(closed: String) throws {
    let command = "\(Program.path) apply base.safetensors patch -o out --threads 1 \(closed)"
    let outcome = try Program(folder: stage.folder.path, executable: "/bin/sh")
      .run("-c", command)
    #expect(outcome.status == (closed.contains(" >") || closed.hasPrefix(">") ? 74 : 0))
    #expect(
      try stage.folder.bytes(of: "out") == stage.folder.bytes(of: "result.safetensors"))
  }

  // MARK: Full disks

  @Test func `a full disk is exit 74 and leaves nothing behind`() throws {
    let disk = try SmallDisk(in: stage.folder, named: "disk")
    defer { disk.unmount() }
    var builder = SafetensorsBuilder()
    builder.add("big", "U8", [2 << 20], Array(repeating: 1, count: 2 << 20))
    try stage.folder.write(builder.bytes, to: "big.safetensors")
    try stage.folder.write(builder.bytes, to: "big/model.safetensors")
    #expect(try stage.run("diff", "big", "big", "-o", "big.patch").status == 0)
    for input in ["big", "big.safetensors"] {
      let outcome = try stage.run("apply", input, "big.patch", "-o", "disk/out")
      #expect(outcome.status == 74)
      #expect(outcome.error.contains("disk/out: "))
      #expect(outcome.error.contains("No space left on device"))
      #expect(try stage.folder.tree().filter { $0.hasPrefix("disk/") }.isEmpty)
    }
  }

  @Test(arguments: ["-o out", "--in-place"])
  func `a limit on the size of files is told like a full disk`(target: String) throws {
    for (name, byte) in [("large", 1), ("changed", 2)] as [(String, UInt8)] {
      var builder = SafetensorsBuilder()
      builder.add("t", "U8", [200_000], Array(repeating: byte, count: 200_000))
      try stage.folder.write(builder.bytes, to: name)
    }
    #expect(try stage.run("diff", "large", "changed", "-o", "larger").status == 0)
    let before = try stage.folder.tree()
    let outcome = try Program(folder: stage.folder.path, executable: "/bin/sh")
      .run("-c", "ulimit -f 100; exec \(Program.path) apply large larger \(target)")
    #expect(outcome.status == 74)
    #expect(outcome.error.contains("File too large"), "\(outcome.error)")
    #expect(try stage.folder.tree() == before)
    let original = SafetensorsBuilder.littleEndian([UInt8](repeating: 1, count: 200_000))
    #expect(try stage.folder.bytes(of: "large").suffix(200_000) == original[...])
  }

  @Test func `a full disk is no place for a patch either`() throws {
    let disk = try SmallDisk(in: stage.folder, named: "disk")
    defer { disk.unmount() }
    var generator = SeededGenerator(seed: 1)
    let noise = (0..<2 << 18).map { _ in UInt8.random(in: 0...255, using: &generator) }
    for (name, bytes) in [("one", [UInt8](repeating: 0, count: 2 << 18)), ("two", noise)] {
      var builder = SafetensorsBuilder()
      for part in 0..<3 { builder.add("part\(part)", "U8", [2 << 18], bytes) }
      try stage.folder.write(builder.bytes, to: name)
    }
    #expect(try stage.run("diff", "one", "one", "-o", "nothing").status == 0)
    #expect(try stage.run("diff", "one", "two", "-o", "noise").status == 0)
    for words in [["diff", "one", "two"], ["combine", "one", "nothing", "noise"]] {
      let outcome = try stage.program.run(words + ["-o", "disk/patch"])
      #expect(outcome.status == 74, "\(outcome.error)")
      #expect(try stage.folder.tree().filter { $0.hasPrefix("disk/") }.isEmpty)
    }
  }

  // MARK: Signals

  @Test(
    arguments: [
      SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGUSR1, SIGUSR2,
      SIGXCPU, SIGPOLL, SIGPWR, SIGKILL,
    ], [true, false])
  func `a signal during apply leaves no output`(signal: Int32, isFolder: Bool) throws {
    try Self.makeLargeFile(stage.folder.path("large/model.safetensors"))
    let base = isFolder ? "large" : "large/model.safetensors"
    #expect(try stage.run("diff", base, base, "-o", "large.patch").status == 0)
    let before = Set(try stage.folder.names())
    let running = try stage.program.start(["apply", base, "large.patch", "-o", "out"])
    // The temporary appears as the work begins.
    while running.isRunning, Set(try stage.folder.names()) == before { usleep(200) }
    running.send(signal)
    let outcome = running.wait()
    #expect(outcome.signal == signal, "it was too fast, or ended otherwise: \(outcome)")
    let left = Set(try stage.folder.names()).subtracting(before)
    #expect(!left.contains("out"))
    // Nothing can be done about SIGKILL, but the leavings say by their name what they are.
    #expect(signal == SIGKILL ? left.allSatisfy { $0.hasSuffix(".partial") } : left.isEmpty)
  }

  @Test(.enabled(if: canUnshare))
  func `a signal ends it as the first process of a container, which signals spare`() throws {
    try Self.makeLargeFile(stage.folder.path("large"))
    #expect(try stage.run("diff", "large", "large", "-o", "large.patch").status == 0)
    let before = Set(try stage.folder.names())
    var program = stage.program
    program.executable = "unshare"
    let running = try program.start(
      Self.unshare + [Program.path, "apply", "large", "large.patch", "-o", "out"])
    while running.isRunning, Set(try stage.folder.names()) == before { usleep(200) }
    let children = "/proc/\(running.identifier)/task/\(running.identifier)/children"
    let child = try String(contentsOfFile: children, encoding: .utf8).dropLast()
    kill(try #require(pid_t(child)), SIGTERM)
    let deadline = ContinuousClock.now + .seconds(20)
    while running.isRunning, ContinuousClock.now < deadline { usleep(1000) }
    running.send(SIGKILL)
    #expect(running.wait().status == 128 + SIGTERM)
    #expect(Set(try stage.folder.names()) == before)
  }

  /// Starts a program as process 1, and ends it if it is ended itself.
  private static let unshare = ["--user", "--map-root-user", "--pid", "--fork", "--kill-child"]
  /// Containers often forbid it.
  private static let canUnshare =
    (try? Program(folder: "/", executable: "unshare").run(unshare + ["true"]))?.status == 0

  @Test(arguments: 5...24)
  func `where few files may be open, the output is whole, or there is an error and none`(
    limit: Int
  ) throws {
    let shards = RandomModel(seed: 9).shards(3)
    for shard in shards { try stage.folder.write(shard.bytes, to: "shards/" + shard.name) }
    try stage.folder.write(
      RandomModel(seed: 9).shardIndex(3), to: "shards/model.safetensors.index.json")
    try stage.folder.write("{}", to: "shards/sub/config.json")
    #expect(try stage.run("diff", "shards", "shards", "-o", "shards.patch").status == 0)
    let before = try stage.folder.tree()
    let shell = Program(folder: stage.folder.path, executable: "/bin/sh")
    let outcome = try shell.run(
      "-c",
      "ulimit -n \(limit); exec \(Program.path) apply shards shards.patch -o out --threads 4")
    if outcome.status == 0 {
      #expect(try stage.run("verify", "out", "shards.patch").status == 0)
      try stage.folder.remove("out")
    } else {
      #expect([66, 73, 74, 127].contains(outcome.status), "\(outcome)")
      #expect(outcome.status == 127 || outcome.error.contains("Too many open files"), "\(outcome)")
    }
    #expect(try stage.folder.tree() == before)
  }

  /// Writes a checkpoint of 192 MB, nearly all of it a hole.
  static func makeLargeFile(_ path: String) throws {
    let byteCount = 192 << 20
    let header = #"{"big":{"dtype":"U8","shape":[\#(byteCount)],"data_offsets":[0,\#(byteCount)]}}"#
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let start = SafetensorsBuilder.file(header: header)
    try Data(start).write(to: URL(fileURLWithPath: path))
    let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    try file.truncate(atOffset: UInt64(start.count + byteCount))
    try file.close()
  }
}

/// A file system of 1 MB. A test that needs one is skipped where this user may not mount it.
struct SmallDisk {
  private let path: String

  init(in folder: TemporaryDirectory, named name: String, megabytes: Int = 1) throws {
    path = folder.path(name)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    guard mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m") == 0 else {
      try Test.cancel("mounting a small file system is not permitted here")
    }
  }

  /// Takes all the room that is left, until ``free()``.
  func fill() throws {
    // A process that another test starts meanwhile would keep the room for as long as it runs.
    let filler = open(path + "/filler", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    try #require(filler >= 0)
    defer { close(filler) }
    var status = statvfs()
    try #require(fstatvfs(filler, &status) == 0)
    // What another takes meanwhile is missing here, so page by page in the end.
    var (size, step) = (0, Int(status.f_bavail) * Int(status.f_bsize))
    while step >= 4_096 {
      if posix_fallocate(filler, off_t(size), off_t(step)) == 0 { size += step } else { step /= 2 }
    }
  }

  func free() { unlink(path + "/filler") }

  var isFull: Bool { access(path + "/filler", F_OK) == 0 }

  /// Lets the files be read only.
  func forbidWriting() throws {
    guard mount("tmpfs", path, "tmpfs", UInt(MS_REMOUNT | MS_RDONLY), "size=1m") == 0 else {
      try Test.cancel("a file system cannot be made read-only here")
    }
  }

  func unmount() { umount2(path, Int32(MNT_DETACH)) }
}
