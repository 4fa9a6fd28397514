import Foundation
import TestSupport
import Testing

/// Calls to the system that fail, each in turn, through a library that the test compiles.
@Suite(
  .enabled(if: FailingCalls.compiler != nil, "there is no C compiler"),
  .disabled(if: Sanitizer.isActive, "a sanitizer wants to be the first library"))
struct FailingCallTests {
  let stage: Stage
  let calls: FailingCalls

  init() throws {
    stage = try Stage()
    calls = try FailingCalls()
  }

  static let calls: [(name: String, status: Int32)] = [
    ("open", 73), ("fallocate", 74), ("pwrite", 74), ("fsync", 74), ("close", 74), ("rename", 73),
  ]

  @Test(arguments: calls.indices, ["base", "base.safetensors"])
  func `an error of any call that writes is told, and the target stays as it was`(
    position: Int, input: String
  ) throws {
    let (name, status) = Self.calls[position]
    // The target is there already, and of the kind that the output has.
    let isFolder = input == "base"
    try stage.folder.write("old", to: isFolder ? "out/model.safetensors" : "out")
    let before = try stage.folder.tree()
    for words in [
      ["apply", input, "patch", "-o", "out", "--force"],
      ["apply", input, "patch", "-o", "out", "--force", "--no-sync"],
      isFolder ? [] : ["diff", "base", "result", "-o", "out", "--force"],
    ] where !words.isEmpty {
      if name == "fsync" && words.contains("--no-sync") { continue }
      if name == "fallocate" && words[0] == "diff" { continue }
      let outcome = try calls.run(stage, failing: name, words)
      #expect(outcome.status == status, "\(words): \(outcome.error)")
      #expect(
        outcome.error.hasPrefix("gradiend-patch: out: \(name): Input/output error\n"),
        "\(words): \(outcome.error)")
      #expect(try stage.folder.tree() == before, "\(words)")
      let old = try stage.folder.bytes(of: isFolder ? "out/model.safetensors" : "out")
      #expect(old == Array("old".utf8), "\(words)")
    }
  }

  @Test(arguments: [false, true], 1...7)
  func `a split set of which a kill has named some files does not open, and is made again`(
    isThere: Bool, position: Int
  ) throws {
    let pair = try #require(try ReferenceGGUF.pairs().first { $0.base.count == 3 })
    let names = (1...3).map { "x-0000\($0)-of-00003.gguf" }
    try #require(
      try stage.run("diff", pair.base[0], pair.result[0], "-o", "set.patch").status == 0)
    if isThere {
      for (name, path) in zip(names, pair.base) {
        try stage.folder.write(stage.folder.bytes(at: path), to: name)
      }
    }
    func found() throws -> [[UInt8]] { try names.map { try stage.folder.bytes(of: $0) } }
    let (old, new) = (
      try pair.base.map { try stage.folder.bytes(at: $0) },
      try pair.result.map { try stage.folder.bytes(at: $0) }
    )
    let words = ["apply", pair.base[0], "set.patch", "-o", names[0]]
    let outcome = try calls.run(
      stage, "KILLED_AT_RENAME=\(position)", words + (isThere ? ["--force"] : []))
    // Three names to give, and three to take away before.
    #expect(outcome.signal == (position <= (isThere ? 6 : 3) ? SIGKILL : nil), "\(outcome)")
    if try stage.run("inspect", names[0]).status == 0 {
      #expect(try found() == (outcome.signal == nil ? new : old))
      #expect(outcome.signal == nil || isThere && position == 1)
    }
    #expect(try stage.program.run(words + ["--force"]).status == 0)
    #expect(try found() == new)
  }

  @Test(arguments: 1...3)
  func
    `a model of shares is whole or not there, whenever it is killed, and shares can be run again`(
      position: Int
    ) throws
  {
    let words = ["apply", "base", "patch", "-o", "out"]
    #expect(try stage.program.run(words + ["--share", "1/1"]).status == 0)
    let outcome = try calls.run(stage, "KILLED_AT_RENAME=\(position)", words + ["--finish"])
    // The file moves to the folder, and the folder gets its name.
    #expect(outcome.signal == (position <= 2 ? SIGKILL : nil), "\(outcome)")
    if outcome.signal != nil {
      #expect(try !stage.folder.names().contains("out"))
      #expect(try stage.program.run(words + ["--share", "1/1"]).status == 0)
      #expect(try stage.program.run(words + ["--finish"]).status == 0)
    }
    #expect(try stage.run("verify", "out", "patch", "--expect=result").status == 0)
    #expect(try !stage.folder.names().contains("out.shares"))
  }

  @Test(arguments: calls.indices)
  func `an error of any call leaves shares as they were, and they can be finished afterwards`(
    position: Int
  ) throws {
    let (name, status) = Self.calls[position]
    let words = ["apply", "base", "patch", "-o", "out"]
    var outcome = try calls.run(stage, failing: name, words + ["--share", "1/1"])
    #expect(outcome.status == status, "\(outcome.error)")
    #expect(try stage.folder.tree().allSatisfy { !$0.hasPrefix("out.shares/") })
    #expect(try stage.program.run(words + ["--share", "1/1"]).status == 0)
    let before = try stage.folder.tree()
    // A small folder has no room reserved for what comes along.
    if name != "fallocate" {
      outcome = try calls.run(stage, failing: name, words + ["--finish"])
      #expect(outcome.status == status, "\(outcome.error)")
      // Where nothing can be renamed, what was moved cannot be moved back, and stays where it is.
      let tree = try stage.folder.tree()
      let isKept = tree.contains { $0.hasSuffix(".partial/model.safetensors") }
      #expect(tree == before || name == "rename" && isKept)
    }
    if name == "rename" { #expect(try stage.program.run(words + ["--share", "1/1"]).status == 0) }
    #expect(try stage.program.run(words + ["--finish"]).status == 0)
    #expect(try stage.run("verify", "out", "patch", "--expect=result").status == 0)
  }
}

/// A library that makes one call of a program fail, on files that it has not finished.
struct FailingCalls {
  private let folder: TemporaryDirectory

  static let compiler = ["/usr/bin/cc", "/usr/bin/clang", "/usr/bin/gcc"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  init() throws {
    folder = try TemporaryDirectory()
    try folder.write(Self.source, to: "calls.c")
    let outcome = try Program(folder: folder.path, executable: Self.compiler ?? "")
      .run("-shared", "-fPIC", "-o", "calls.so", "calls.c", "-ldl")
    guard outcome.status == 0 else { throw Failure(text: outcome.error) }
  }

  private struct Failure: Error {
    let text: String
  }

  func run(_ stage: Stage, failing call: String, _ words: [String]) throws -> Program.Outcome {
    try run(stage, "FAILING_CALL=\(call)", words)
  }

  func run(_ stage: Stage, _ variable: String, _ words: [String]) throws -> Program.Outcome {
    try Program(folder: stage.folder.path, executable: "/usr/bin/env").run(
      ["LD_PRELOAD=\(folder.path("calls.so"))", variable, Program.path] + words)
  }

  private static let source = """
    #define _GNU_SOURCE
    #include <dlfcn.h>
    #include <errno.h>
    #include <fcntl.h>
    #include <signal.h>
    #include <stdarg.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <unistd.h>

    static int is_wanted(const char *call) {
      const char *wanted = getenv("FAILING_CALL");
      return wanted && strcmp(wanted, call) == 0;
    }

    static int fails(const char *call, const char *path) {
      if (!is_wanted(call) || !strstr(path, ".partial")) return 0;
      errno = EIO;
      return 1;
    }

    static int fails_on(const char *call, int descriptor) {
      char link[64], path[4096] = "";
      if (!is_wanted(call)) return 0;
      snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
      if (readlink(link, path, sizeof path - 1) < 0) return 0;
      return fails(call, path);
    }

    #define REAL(result, name, ...) ((result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

    int open(const char *path, int flags, ...) {
      va_list list;
      va_start(list, flags);
      mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
      va_end(list);
      if (flags & O_CREAT && fails("open", path)) return -1;
      return REAL(int, "open", const char *, int, mode_t)(path, flags, mode);
    }
    int open64(const char *path, int flags, ...) __attribute__((alias("open")));

    int openat(int folder, const char *path, int flags, ...) {
      va_list list;
      va_start(list, flags);
      mode_t mode = flags & O_CREAT ? va_arg(list, mode_t) : 0;
      va_end(list);
      if (flags & O_CREAT && fails_on("open", folder)) return -1;
      return REAL(int, "openat", int, const char *, int, mode_t)(folder, path, flags, mode);
    }
    int openat64(int, const char *, int, ...) __attribute__((alias("openat")));

    ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
      if (fails_on("pwrite", descriptor)) return -1;
      return REAL(ssize_t, "pwrite", int, const void *, size_t, off_t)(
          descriptor, bytes, count, offset);
    }
    ssize_t pwrite64(int, const void *, size_t, off_t) __attribute__((alias("pwrite")));

    int fallocate(int descriptor, int mode, off_t offset, off_t count) {
      if (fails_on("fallocate", descriptor)) return -1;
      return REAL(int, "fallocate", int, int, off_t, off_t)(descriptor, mode, offset, count);
    }

    int fsync(int descriptor) {
      return fails_on("fsync", descriptor) ? -1 : REAL(int, "fsync", int)(descriptor);
    }

    int close(int descriptor) {
      int failed = fails_on("close", descriptor);
      int result = REAL(int, "close", int)(descriptor);
      if (failed) errno = EIO;
      return failed ? -1 : result;
    }

    static void die_at_rename(void) {
      static int count = 0;
      const char *last = getenv("KILLED_AT_RENAME");
      if (last && ++count == atoi(last)) raise(SIGKILL);
    }

    int rename(const char *from, const char *to) {
      die_at_rename();
      return fails("rename", from) ? -1 : REAL(int, "rename", const char *, const char *)(from, to);
    }

    int renameat2(int old, const char *from, int new, const char *to, unsigned flags) {
      die_at_rename();
      if (fails("rename", from)) return -1;
      return REAL(int, "renameat2", int, const char *, int, const char *, unsigned)(
          old, from, new, to, flags);
    }
    """
}
