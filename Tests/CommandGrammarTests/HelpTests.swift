import CommandGrammar
import Testing

@Suite struct HelpTests {
  @Test(arguments: 40...100, ["bake --help", "taste --help", "--help"])
  func `no line is wider than the page or ends in a space`(width: Int, words: String) throws {
    let text = try #require(try Oven.help(words, width: width))
    for line in text.split(separator: "\n") {
      #expect(line.count <= width, "\(line)")
      #expect(line.last?.isWhitespace == false)
    }
  }

  @Test func `a page is at least 40 and at most 100 columns wide`() throws {
    #expect(try Oven.help("bake --help", width: 0) == Oven.help("bake --help", width: 40))
    #expect(try Oven.help("bake --help", width: 500) == Oven.help("bake --help", width: 100))
  }

  @Test func `a command's help at 80 columns`() throws {
    let expected = """
      Usage: oven bake RECIPE TIN --heat H[,H...] -r A [-o FILE] [--side SIDE]
                       [--shelf N] [-t N] [-f] [-q]

      Bake a recipe in a tin.

      The oven is heated first, and stays at that heat until the recipe says otherwise
      or the door is opened.

      A tin that is too small is refused.

      Operands:
        RECIPE  what to bake (text or 'oven write')
        TIN     where to bake it

      Options:
            --heat H[,H...]  degrees, one for each phase [required]
        -r, --rate A         how fast to heat; negative numbers cool [required]
        -o, --output FILE    where to write the report
            --side SIDE      where the heat comes from [one of: top, bottom, both;
                             default: both]
            --shelf N        shelf, counted from below
        -t, --trays N        trays to put in; 0 is one a shelf [default: 2]
        -f, --force          replace FILE if it exists
        -q, --quiet          do not ring the bell
        -h, --help           show this help and exit

      Exit status:
        0      baked
        1      burnt, or not risen: the report says which, and what to do about it
               next time
        128+n  the door was opened by signal n

      Examples:
        a loaf:
          oven bake bread.txt loaf --heat 180,-20 --rate -0.01
        a pizza with everything, browned from above, and the report kept for later:
          oven bake --heat 220 --rate 0.5 --side top -o supper.txt \\
            pizza-with-everything.txt round
      """
    #expect(try Oven.help("bake --help", width: 80) == expected)
  }

  @Test func `a command's help at 60 columns`() throws {
    let expected = """
      Usage: oven bake RECIPE TIN --heat H[,H...] -r A [-o FILE]
                       [--side SIDE] [--shelf N] [-t N] [-f] [-q]

      Bake a recipe in a tin.

      The oven is heated first, and stays at that heat until the
      recipe says otherwise or the door is opened.

      A tin that is too small is refused.

      Operands:
        RECIPE  what to bake (text or 'oven write')
        TIN     where to bake it

      Options:
            --heat H[,H...]  degrees, one for each phase
                             [required]
        -r, --rate A         how fast to heat; negative numbers
                             cool [required]
        -o, --output FILE    where to write the report
            --side SIDE      where the heat comes from [one of:
                             top, bottom, both; default: both]
            --shelf N        shelf, counted from below
        -t, --trays N        trays to put in; 0 is one a shelf
                             [default: 2]
        -f, --force          replace FILE if it exists
        -q, --quiet          do not ring the bell
        -h, --help           show this help and exit

      Exit status:
        0      baked
        1      burnt, or not risen: the report says which, and
               what to do about it next time
        128+n  the door was opened by signal n

      Examples:
        a loaf:
          oven bake bread.txt loaf --heat 180,-20 --rate -0.01
        a pizza with everything, browned from above, and the
        report kept for later:
          oven bake --heat 220 --rate 0.5 --side top -o \\
            supper.txt pizza-with-everything.txt round
      """
    #expect(try Oven.help("bake --help", width: 60) == expected)
  }

  @Test func `a command's help at 40 columns`() throws {
    let expected = """
      Usage: oven bake RECIPE TIN
                       --heat H[,H...] -r A
                       [-o FILE] [--side SIDE]
                       [--shelf N] [-t N] [-f]
                       [-q]

      Bake a recipe in a tin.

      The oven is heated first, and stays at
      that heat until the recipe says
      otherwise or the door is opened.

      A tin that is too small is refused.

      Operands:
        RECIPE  what to bake (text or 'oven
                write')
        TIN     where to bake it

      Options:
            --heat H[,H...]
                       degrees, one for each
                       phase [required]
        -r, --rate A   how fast to heat;
                       negative numbers cool
                       [required]
        -o, --output FILE
                       where to write the
                       report
            --side SIDE
                       where the heat comes
                       from [one of: top,
                       bottom, both; default:
                       both]
            --shelf N  shelf, counted from
                       below
        -t, --trays N  trays to put in; 0 is
                       one a shelf [default:
                       2]
        -f, --force    replace FILE if it
                       exists
        -q, --quiet    do not ring the bell
        -h, --help     show this help and exit

      Exit status:
        0      baked
        1      burnt, or not risen: the report
               says which, and what to do
               about it next time
        128+n  the door was opened by signal n

      Examples:
        a loaf:
          oven bake bread.txt loaf --heat \\
            180,-20 --rate -0.01
        a pizza with everything, browned from
        above, and the report kept for later:
          oven bake --heat 220 --rate 0.5 \\
            --side top -o supper.txt \\
            pizza-with-everything.txt round
      """
    #expect(try Oven.help("bake --help", width: 40) == expected)
  }

  @Test func `the program's help at 80 columns`() throws {
    let expected = """
      Usage: oven COMMAND [ARGUMENT...]

      Bake things, and taste them.

      Commands:
        bake   Bake a recipe in a tin.
        taste  Say whether a dish is good.
        help   Explain the program, or the command named after it.

      Options:
        -h, --help     show this help and exit
            --version  show the version and exit

      See 'oven help COMMAND' for a command's arguments and exit statuses.
      """
    #expect(try Oven.help("--help", width: 80) == expected)
  }

  @Test func `the program's help at 60 columns`() throws {
    let expected = """
      Usage: oven COMMAND [ARGUMENT...]

      Bake things, and taste them.

      Commands:
        bake   Bake a recipe in a tin.
        taste  Say whether a dish is good.
        help   Explain the program, or the command named after it.

      Options:
        -h, --help     show this help and exit
            --version  show the version and exit

      See 'oven help COMMAND' for a command's arguments and exit
      statuses.
      """
    #expect(try Oven.help("--help", width: 60) == expected)
  }
}
