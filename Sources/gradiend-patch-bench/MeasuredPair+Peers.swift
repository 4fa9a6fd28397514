import ByteIO
import Checkpoints
import Glibc

extension MeasuredPair {
  /// Measures other tools on the same pair, each once, and hands each record to `emit` when it is there.
  ///
  /// They work on files, so a model in several files is left out.
  func measurePeers(python: String, includesSlow: Bool, _ emit: (Record) -> Void) throws {
    guard let files = try peerFiles() else {
      return Bench.note("\(label): other tools are left out, as the weights are in several files")
    }
    for peer in Peer.all(python: python) where includesSlow || !peer.isSlow {
      Bench.note("\(label): \(peer.name)")
      var record = Record("peer", label: label)
      record.add("peer", peer.name)
      let probe = try? ChildProcess.run(peer.probe, scratch: scratch)
      let isInstalled = probe?.exitCode == 0
      record.add("installed", .boolean(isInstalled))
      if isInstalled { measure(peer, files, &record) }
      emit(record)
    }
  }

  private func peerFiles() throws -> Peer.Files? {
    let (base, result) = (try Checkpoint(path: base), try Checkpoint(path: result))
    guard base.files.count == 1, result.files.count == 1 else { return nil }
    return Peer.Files(
      base: base.files[0].mapped.path, result: result.files[0].mapped.path,
      patch: scratch.path(Self.peerPatch), output: scratch.path(Self.peerOutput))
  }

  private static let peerPatch = "peer-patch"
  private static let peerOutput = "peer-output"

  /// A tool that fails is a result, too.
  private func measure(_ peer: Peer, _ files: Peer.Files, _ record: inout Record) {
    defer {
      scratch.remove(Self.peerPatch)
      scratch.remove(Self.peerOutput)
    }
    do {
      sync()
      let making = try ChildProcess.succeed(peer.making(files), scratch: scratch)
      record.add("bytes", try FileStatus(path: files.patch).byteCount)
      record.add("make_seconds", making.seconds)
      record.add("make_peak_bytes", making.peakByteCount)
      sync()
      let applying = try ChildProcess.succeed(peer.applying(files), scratch: scratch)
      record.add("apply_seconds", applying.seconds)
      record.add("apply_peak_bytes", applying.peakByteCount)
      let comparison = try ChildProcess.run(
        ["cmp", "-s", files.output, files.result], scratch: scratch)
      record.add("gives_result_back", .boolean(comparison.exitCode == 0))
    } catch {
      record.add("error", "\(error)")
    }
  }
}
