import ByteIO
import Glibc

/// The machine that is measured on.
enum Machine {
  static var coreCount: Int { Processor.coreCount }

  static var memoryByteCount: Int { sysconf(Int32(_SC_PHYS_PAGES)) * Int(getpagesize()) }

  /// The processor's name, as Linux tells it.
  static var processor: String {
    let lines = String(decoding: start(of: "/proc/cpuinfo"), as: UTF8.self).split(separator: "\n")
    guard let line = lines.first(where: { $0.hasPrefix("model name") }),
      let colon = line.firstIndex(of: ":")
    else { return "unknown" }
    return String(line[colon...].dropFirst(2))
  }

  /// The path of this program.
  static var ownPath: String {
    var bytes = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &bytes, bytes.count)
    return String(
      decoding: bytes.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The path of the program called `name`, if it is in `PATH` or is one itself.
  static func find(_ name: String) -> String? {
    if name.contains("/") { return access(name, X_OK) == 0 ? name : nil }
    let folders = getenv("PATH").map { String(cString: $0) } ?? ""
    return folders.split(separator: ":").map { Folder.join(String($0), name) }
      .first { access($0, X_OK) == 0 }
  }

  /// Reads a file or a folder once, so that it is in the page cache, unless it would fill the memory.
  ///
  /// Piece by piece, so that this process stays small.
  static func readIntoCache(_ path: String) throws {
    guard try FileStatus.totalByteCount(of: path) < memoryByteCount / 2 else { return }
    try read(path)
  }

  private static func read(_ path: String) throws {
    guard !(try FileStatus(path: path).isFolder) else {
      for name in try Folder.names(in: path) { try read(Folder.join(path, name)) }
      return
    }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    guard descriptor >= 0 else { throw SystemError("open", path: path) }
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while Glibc.read(descriptor, &buffer, buffer.count) > 0 {}
  }

  /// The first bytes of a file whose length Linux does not tell.
  private static func start(of path: String) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    let count = Glibc.read(descriptor, &buffer, buffer.count)
    return Array(buffer.prefix(max(0, count)))
  }
}
