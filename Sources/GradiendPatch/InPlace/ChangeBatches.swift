internal import ByteIO

/// The items that a patch changes, in runs that fit into a journal (Formats/journal.md, section 3).
struct ChangeBatches: Sendable {
  /// An item's place among the batches.
  struct Place: Sendable {
    let batch: Int
    let index: Int
  }

  /// No limit is above this, and no item either.
  static let largestLimit = 32 << 20

  let limit: Int
  private let batches: [[ChunkPlan.Item]]
  /// By the items' numbers in the plan; nil for those that stay.
  private let places: [Place?]

  /// What the journal of a new change has as its limit.
  static func limit(for work: PatchingWork) -> Int {
    let byteCount = work.binding.plan.items.reduce(0) {
      $0 + (work.changes($1) ? $1.byteRange.count : 0)
    }
    return max(1, min(byteCount / 16, largestLimit))
  }

  init(_ work: PatchingWork, limit: Int) {
    self.limit = limit
    var batches: [[ChunkPlan.Item]] = []
    var places: [Place?] = []
    var room = 0
    for item in work.binding.plan.items {
      guard work.changes(item) else {
        places.append(nil)
        continue
      }
      if batches.isEmpty || item.byteRange.count > room {
        batches.append([])
        room = limit
      }
      room -= item.byteRange.count
      places.append(Place(batch: batches.count - 1, index: batches[batches.count - 1].count))
      batches[batches.count - 1].append(item)
    }
    self.batches = batches
    self.places = places
  }

  var count: Int { batches.count }

  func items(of batch: Int) -> [ChunkPlan.Item] { batches[batch] }

  func byteCount(of batch: Int) -> Int { batches[batch].reduce(0) { $0 + $1.byteRange.count } }

  /// The place of the plan's item of this number, or nil if it stays.
  func place(of number: Int) -> Place? { places[number] }

  /// Bytes of a slot that takes any of the batches.
  var slotByteCount: Int {
    let largest = batches.indices.map { byteCount(of: $0) }.max() ?? 0
    return JournalHeader.alignment + JournalHeader.aligned(largest)
  }
}
