import Foundation

/// `gradiend-patch-fuzz`: lists targets, writes what they start from, and runs one.
///
/// The main function is libFuzzer's, which calls the two functions below.
enum Fuzz {
  fileprivate nonisolated(unsafe) static var target = FuzzTarget.json

  private static let usage = """
    usage: gradiend-patch-fuzz list
           gradiend-patch-fuzz seed TARGET FOLDER
           gradiend-patch-fuzz run TARGET [option of libFuzzer | folder of inputs]...
    """

  /// Does what the command line says, up to what is libFuzzer's.
  ///
  /// - Returns: the words for libFuzzer.
  fileprivate static func begin(_ words: [String]) throws -> [String] {
    guard words.count > 1 else { end(usage, status: 64) }
    switch words[1] {
    case "list": end(FuzzTarget.all.map(\.name).joined(separator: "\n"), status: 0)
    case "seed" where words.count == 4:
      try writeSeeds(of: target(named: words[2]), to: words[3])
      exit(0)
    case "run" where words.count > 2:
      target = target(named: words[2])
      return [words[0], "-max_len=\(target.byteLimit)"] + words.dropFirst(3)
    // How libFuzzer calls itself, to make a finding smaller.
    case _ where words[1].hasPrefix("-"): return words
    default: end(usage, status: 64)
    }
  }

  private static func end(_ text: String, status: Int32) -> Never {
    print(text)
    exit(status)
  }

  private static func target(named name: String) -> FuzzTarget {
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
      end("there is no target '\(name)'\n" + usage, status: 64)
    }
    return target
  }

  private static func writeSeeds(of target: FuzzTarget, to folder: String) throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let seeds = try target.seeds().filter { $0.count <= target.byteLimit }
    expect(!seeds.isEmpty, "there is something to start '\(target.name)' from")
    for (number, seed) in seeds.enumerated() {
      try Data(seed).write(to: URL(fileURLWithPath: "\(folder)/seed-\(number)"))
    }
  }
}

typealias Words = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

/// Called first, with the command line; leaves in it what is libFuzzer's.
///
/// - Parameters:
///   - count: Number of words.
///   - words: The address of `argv`.
/// - Returns: 0.
@c(LLVMFuzzerInitialize)
public func initialise(_ count: UnsafeMutablePointer<CInt>, _ words: UnsafeMutableRawPointer)
  -> CInt
{
  let words = words.assumingMemoryBound(to: Words.self)
  do {
    let given = (0..<Int(count.pointee)).compactMap { words.pointee[$0] }
    let rest = try Fuzz.begin(given.map { String(cString: $0) })
    // libFuzzer keeps these as long as it runs.
    let copy = Words.allocate(capacity: rest.count + 1)
    for (index, word) in rest.enumerated() { copy[index] = strdup(word) }
    copy[rest.count] = nil
    count.pointee = CInt(rest.count)
    words.pointee = copy
  } catch {
    fatalError("\(error)")
  }
  return 0
}

/// Called with every input.
///
/// - Parameters:
///   - start: Where it lies.
///   - count: Its length in bytes.
/// - Returns: 0, as every input may be kept.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  Fuzz.target.run(UnsafeRawBufferPointer(start: start, count: count).bytes)
  return 0
}
