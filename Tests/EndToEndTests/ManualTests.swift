import Foundation
import TestSupport
import Testing

/// Pages of the manual.
@Suite struct ManualTests {
  let stage: Stage

  init() throws { stage = try Stage() }

  static let pages = [[]] + (UsageTests.commands + ["completions", "manual"]).map { [$0] }
  static let hasTypesetter = FileManager.default.isExecutableFile(atPath: "/usr/bin/groff")

  @Test(.enabled(if: hasTypesetter, "groff is not installed"), arguments: pages, [60, 80])
  func `a page fits the terminal, and man has nothing to say against it`(
    command: [String], columns: Int
  ) throws {
    let page = try stage.program.run(["manual"] + command)
    #expect(page.status == 0 && page.error.isEmpty)
    try stage.folder.write(page.output, to: "page")
    var groff = stage.program
    groff.executable = "/usr/bin/groff"
    let set = try groff.run(
      "-man", "-ww", "-Tutf8", "-P-cbou", "-rLL=\(columns - 2)n", "-rLT=\(columns - 2)n", "page")
    #expect(set.status == 0 && set.error.isEmpty, "\(set.error)")
    for line in set.output.split(separator: "\n") { #expect(line.count <= columns, "\(line)") }
    let help = try stage.program.run(command + ["--help"]).output
    for name in help.matches(of: #/(?m)^ +((?:-\w, )?--[a-z0-9-]+)/#) {
      #expect(set.output.contains("       \(name.1)"), "\(name.1)")
    }
  }

  @Test func `the list names every command, and each has a page`() throws {
    let names = try stage.run("manual", "--list").output.split(separator: "\n").map(String.init)
    #expect(Set(names).isSuperset(of: UsageTests.commands))
    for name in names {
      let page = try stage.run("manual", name).output
      #expect(page.hasPrefix(".TH \"GRADIEND\\-PATCH\\-\(name.uppercased())\" 1 "))
      #expect(page.contains(".SH \"EXAMPLES\"") && page.contains(".SH \"EXIT STATUS\""))
    }
  }

  @Test func `make install has a page for each command and a script for each shell`() throws {
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("share.sh").path
    var shell = stage.program
    shell.executable = "/bin/sh"
    let made = try shell.run(script, Program.path, stage.folder.path("share"))
    #expect(made.status == 0 && made.error.isEmpty, "\(made.error)")
    let pages = Self.pages.map {
      "man/man1/" + (["gradiend-patch"] + $0).joined(separator: "-") + ".1"
    }
    let scripts = [
      "bash-completion/completions/gradiend-patch", "zsh/site-functions/_gradiend-patch",
      "fish/vendor_completions.d/gradiend-patch.fish",
    ]
    for name in pages + scripts { #expect(try !stage.folder.bytes(of: "share/" + name).isEmpty) }
  }

  @Test func `a page on nothing is exit 64`() throws {
    let outcome = try stage.run("manual", "aply")
    #expect(outcome.status == 64)
    #expect(
      outcome.error.hasPrefix("gradiend-patch: unknown command 'aply'; did you mean 'apply'?"))
    #expect(try stage.run("manual", "apply", "--list").status == 64)
  }
}
