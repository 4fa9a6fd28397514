import CommandGrammar
import Testing

/// Pages of the manual, as troff reads them.
@Suite struct ManualTests {
  @Test func `a page has all that the table says`() throws {
    let page = try Thorns.program.manual(on: CommandName(parsing: "prick", placeholder: "COMMAND"))
    #expect(
      page == #"""
        .TH "GARDEN\-PRICK" 1 "2026\-02\-03" "garden 1.0" "User Commands"
        .nh
        .ad l
        .SH "NAME"
        garden\-prick \-
        prick with \(aq\e\(aq and \[u2013]
        .SH "SYNOPSIS"
        \fBgarden prick\fR
        [\fB\-\-thorn\fR \fITHORN\fR]
        .SH "DESCRIPTION"
        Prick with \(aq\e\(aq and \[u2013].
        .PP
        \&.TH is no request here.
        .SH "OPTIONS"
        .TP
        \fB\-\-thorn\fR \fITHORN\fR
        it\(aqs $HOME, \(gaid\(ga, "x" [a:b] \(ti\(ha\e
        .TP
        \fB\-h\fR, \fB\-\-help\fR
        show this help and exit
        .SH "EXIT STATUS"
        .TP
        \fB0\fR
        done
        .SH "EXAMPLES"
        Gently:
        .PP
        .RS 4
        .nf
        garden prick \-\-thorn \(aqa b\(aq
        .fi
        .RE
        .SH "SEE ALSO"
        \fBgarden\fR(1)
        """#)
  }

  @Test func `the page on the program names all commands`() throws {
    let page = try Oven.program.manual()
    #expect(page.hasPrefix(".TH \"OVEN\" 1 "))
    #expect(page.contains("\\fBbake\\fR\n") && page.contains("\\fBoven\\-taste\\fR(1)"))
    #expect(!page.contains("ENVIRONMENT"))
  }

  @Test func `a page on no command is refused with a suggestion`() throws {
    let typed = try CommandName(parsing: "bakee", placeholder: "COMMAND")
    let error = try #require(throws: UsageError.self) { try Oven.program.manual(on: typed) }
    #expect(error.description.hasPrefix("oven: unknown command 'bakee'; did you mean 'bake'?"))
  }
}
