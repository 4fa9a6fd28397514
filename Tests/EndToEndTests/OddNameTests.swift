import TestSupport
import Testing

/// Names and folders that are not UTF-8.
@Suite struct OddNameTests {
  let stage: Stage
  let shell: Program

  init() throws {
    stage = try Stage()
    shell = Program(folder: stage.folder.path, executable: "/bin/sh")
  }

  /// Runs a line of the shell, in which `$G` is the program and `$X` a name that is not UTF-8.
  private func run(_ line: String) throws -> Program.Outcome {
    try shell.run("-c", "G=\(Program.path); X=$(printf 'caf\\351'); " + line)
  }

  private func expect(
    _ line: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try run(line)
    #expect(outcome.status == 0, "\(line): \(outcome)", sourceLocation: sourceLocation)
  }

  @Test func `inputs and outputs have exactly the names that were asked for`() throws {
    try expect("$G apply base.safetensors patch -o $X && cmp $X result.safetensors")
    try expect("$G strip $X patch -o $X.base && cmp $X.base base.safetensors")
    try expect("$G diff base.safetensors $X -o $X.patch && $G verify $X $X.patch --expect=result")
    // A name that is made of the character which repairs such a name is another.
    #expect(try run("test -e $(printf 'caf\\357\\277\\275')").status == 1)
  }

  @Test func `companions and replaced folders may hold such names`() throws {
    try expect("echo text > base/$X.txt && mkdir base/$X && echo text > base/$X/notes")
    try expect(
      "$G apply base patch -o out && cmp base/$X.txt out/$X.txt && cmp base/$X/notes out/$X/notes")
    try expect("$G apply base patch -o out --force && cmp base/$X.txt out/$X.txt")
    let hidden = try run("ls -A | grep '^[.]'")
    #expect(hidden.output.isEmpty, "\(hidden.output)")
    try expect("$G apply base patch -o base.out && touch base.out/$X.mine")
    let refused = try run("$G apply base patch -o base.out --force")
    #expect(refused.status == 73)
    #expect(refused.error.contains(#"its 'caf\xE9.mine' would be lost"#), "\(refused.error)")
  }

  @Test func `a model in such a folder changes in place, and its journal is found`() throws {
    try expect("mkdir $X && cp -r base $X/m && $G apply $X/m patch --in-place")
    try expect("cmp $X/m/model.safetensors result.safetensors && $G strip $X/m patch --in-place")
    try expect("echo none > $X/m/.model.safetensors.gradiend-patch-journal")
    let refused = try run("$G verify $X/m patch")
    #expect(refused.status == 65, "\(refused)")
    #expect(refused.error.contains(#"caf\xE9/m"#), "\(refused.error)")
  }
}
