import Checkpoints
import Testing

@testable import gradiend_patch_bench

@Suite struct ReportTests {
  @Test func `a median is the middle value, or halfway between the two in the middle`() {
    #expect(Statistics([3]).median == 3)
    #expect(Statistics([5, 1, 2]).median == 2)
    #expect(Statistics([4, 1, 2, 100]).median == 3)
  }

  @Test func `the spread is the distance of the extremes as a share of the median`() {
    let statistics = Statistics([2, 1, 4])
    #expect(statistics.minimum == 1 && statistics.maximum == 4 && statistics.count == 3)
    #expect(statistics.spread == 1.5)
    #expect(Statistics([0, 0]).spread == 0)
  }

  @Test func `numbers are written as people read them`() {
    #expect(Decimal.text(0.0449, digits: 2) == "0.04")
    #expect(Decimal.text(-1.5, digits: 1) == "-1.5")
    #expect(Decimal.text(12.6, digits: 0) == "13")
    #expect(Decimal.count(134_515_008) == "134,515,008")
    #expect(Decimal.count(999) == "999")
    #expect(Decimal.seconds(0.18331) == "0.183 s")
    #expect(Decimal.seconds(123.4) == "123.4 s")
    #expect(Decimal.mebibytes(512 << 20) == "512 MiB")
  }

  @Test func `a record is one line of JSON with few digits`() {
    var record = Record("time", label: "a")
    record.add("seconds", 0.1234567)
    record.add("bytes", 12_345_678_901)
    #expect(
      record.line == #"{"kind":"time","label":"a","seconds":0.123457,"bytes":12345678901}"#)
  }

  @Test func `a report has a section for each label, and a table for each kind`() throws {
    let lines = [
      #"{"kind":"environment","label":"a","date":"2026-01-02","tool":"gradiend-patch 1.2.3","commit":"abc","processor":"P","cores":2,"memory_bytes":8589934592}"#,
      #"{"kind":"size","label":"a","bytes":1000,"base_bytes":123456,"elements":60000,"changed_elements":2000,"bits_per_changed_element":4.0,"byte_counts":{"header":400,"positions":600,"strip":0}}"#,
      #"{"kind":"floors","label":"a","bytes":1000,"strip":100,"sum_with_levels":700,"bound_with_levels":25840}"#,
      #"{"kind":"time","label":"a","operation":"cp","runs":3,"median_seconds":0.5,"spread":0.1,"ratio_to_cp":1.0,"ratio_to_cp_and_sync":0.5,"peak_bytes":1048576}"#,
      #"{"kind":"time","label":"a","operation":"diff","threads":2,"runs":3,"median_seconds":1.0,"spread":0.02,"ratio_to_cp":2.0,"ratio_to_cp_and_sync":1.0,"peak_bytes":2097152}"#,
      #"{"kind":"time","label":"a","operation":"apply","threads":2,"runs":3,"median_seconds":0.25,"spread":0.02,"ratio_to_cp":0.5,"ratio_to_cp_and_sync":0.25,"peak_bytes":3145728}"#,
      #"{"kind":"peer","label":"a","peer":"x","installed":true,"bytes":5000,"make_seconds":2.0,"make_peak_bytes":1048576,"apply_seconds":3.0,"apply_peak_bytes":2097152,"gives_result_back":true}"#,
      #"{"kind":"peer","label":"a","peer":"y","installed":false}"#,
      #"{"kind":"peer","label":"a","peer":"z","installed":true,"error":"no"}"#,
      #"{"kind":"size","label":"b","bytes":7}"#,
    ]
    let report = MarkdownReport(try lines.map { try JSONValue(text: $0) })
    let expected = """
      ## a

      2026-01-02, gradiend-patch 1.2.3, commit abc, 2 cores of P, 8 GiB

      | size                                          |   bytes |
      | --------------------------------------------- | ------: |
      | patch                                         |   1,000 |
      | – of which header                             |     400 |
      | – of which positions                          |     600 |
      | bits per changed element                      |    4.00 |
      | changed elements                              |   2,000 |
      | elements                                      |  60,000 |
      | base                                          | 123,456 |
      | floor: sum with levels                        |     700 |
      | floor: strip                                  |     100 |
      | 1.05 × (sum with levels + strip + F32) + 25 kB |  25,840 |

      | operation | threads | median of 3 | spread | × cp | × cp and sync | peak memory |
      | --------- | ------: | ----------: | -----: | ---: | ------------: | ----------: |
      | cp        |         |     0.500 s |   10 % | 1.00 |          0.50 |       1 MiB |
      | diff      |       2 |     1.000 s |    2 % | 2.00 |          1.00 |       2 MiB |
      | apply     |       2 |     0.250 s |    2 % | 0.50 |          0.25 |       3 MiB |

      | tool           |         bytes |    make |   apply | memory to make | memory to apply |
      | -------------- | ------------: | ------: | ------: | -------------: | --------------: |
      | gradiend-patch diff, apply --no-sync |         1,000 | 1.000 s | 0.250 s |          2 MiB |           3 MiB |
      | x              |         5,000 | 2.000 s | 3.000 s |          1 MiB |           2 MiB |
      | y              | not installed |         |         |                |                 |
      | z              |        failed |         |         |                |                 |

      ## b

      | size  | bytes |
      | ----- | ----: |
      | patch |     7 |
      """
    let squeezed = { (text: String) in text.replacing(#/ +|-+/#) { $0.output.prefix(1) } }
    #expect(squeezed(report.text) == squeezed(expected))
    // Every row of a table is as wide as its head.
    for table in report.text.split(separator: "\n\n") where table.hasPrefix("|") {
      #expect(Set(table.split(separator: "\n").map(\.count)).count == 1)
    }
  }
}
