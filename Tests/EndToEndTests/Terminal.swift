import Glibc
import Testing

/// A terminal that a program can write to, and what it showed.
final class Terminal {
  /// What the program opens.
  let path: String
  private let master: Int32
  /// While nobody has this side open, reading what was written to it fails.
  private let slave: Int32

  init() throws {
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    try #require(master >= 0)
    // TIOCSPTLCK and TIOCGPTN: what unlockpt and ptsname do, which Swift does not see.
    var isLocked: Int32 = 0
    var number: Int32 = -1
    try #require(ioctl(master, 0x4004_5431, &isLocked) == 0)
    try #require(ioctl(master, 0x8004_5430, &number) == 0)
    path = "/dev/pts/\(number)"
    slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)
    try #require(slave >= 0)
    var settings = termios()
    tcgetattr(slave, &settings)
    // Line feeds stay as they are.
    settings.c_oflag &= ~tcflag_t(OPOST)
    tcsetattr(slave, TCSANOW, &settings)
    try #require(fcntl(master, F_SETFL, O_NONBLOCK) == 0)
  }

  /// Everything written so far, which must fit the terminal's buffer of 4 kB.
  func text() -> String {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = read(master, &buffer, buffer.count), count > 0 {
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  deinit {
    close(slave)
    close(master)
  }
}
