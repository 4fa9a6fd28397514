internal import ByteIO
internal import PatchEngine

/// The chunks that a run changes, in runs that fit into a journal (Formats/journal.md, section 3).
struct ChangeBatches: Sendable {
  /// A chunk's place among the batches.
  struct Place: Sendable {
    let batch: Int
    let index: Int
  }

  let limit: Int
  private let batches: [[Chunk<MatchedTensor>]]
  /// By the chunks' numbers in the plan; nil for those that stay.
  private let places: [Place?]

  /// What the journal of a new change has as its limit.
  static func limit(for run: PatchRun) -> Int {
    let byteCount = run.plan.chunks.reduce(0) {
      $0 + (run.changes($1) ? $1.byteRange.count : 0)
    }
    return max(1, min(byteCount / 16, JournalHeader.largestBatchLimit))
  }

  init(_ run: PatchRun, limit: Int) {
    self.limit = limit
    var batches: [[Chunk<MatchedTensor>]] = []
    var places: [Place?] = []
    var room = 0
    for chunk in run.plan.chunks {
      guard run.changes(chunk) else {
        places.append(nil)
        continue
      }
      if batches.isEmpty || chunk.byteRange.count > room {
        batches.append([])
        room = limit
      }
      room -= chunk.byteRange.count
      places.append(Place(batch: batches.count - 1, index: batches[batches.count - 1].count))
      batches[batches.count - 1].append(chunk)
    }
    self.batches = batches
    self.places = places
  }

  var count: Int { batches.count }

  func chunks(of batch: Int) -> [Chunk<MatchedTensor>] { batches[batch] }

  func byteCount(of batch: Int) -> Int { batches[batch].reduce(0) { $0 + $1.byteRange.count } }

  /// The place of the plan's chunk of this number, or nil if it stays.
  func place(of number: Int) -> Place? { places[number] }

  /// Bytes of a slot that takes any of the batches.
  var slotByteCount: Int {
    let largest = batches.indices.map { byteCount(of: $0) }.max() ?? 0
    return JournalHeader.alignment + JournalHeader.aligned(largest)
  }
}
