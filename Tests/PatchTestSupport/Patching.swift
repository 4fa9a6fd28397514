import ByteIO
import DeltaCoding
import GradiendPatch

/// `Apply` or `Strip`, whichever a test is about.
package struct Patching: Sendable {
  package var direction: Direction
  package var checkpoint: String
  package var patches: [String]
  /// Nil to patch in place.
  package var output: String?
  package var overwrites = false
  package var synchronises = true
  package var undo: String?
  package var rollsBack = false
  package var disk: any Disk = SystemDisk()
  package var checksSHA256 = false
  package var valuesOnly = false
  package var threadCount = 0

  package init(
    _ direction: Direction, checkpoint: String, patch: String, output: String? = nil
  ) {
    self.init(direction, checkpoint: checkpoint, patches: [patch], output: output)
  }

  package init(
    _ direction: Direction, checkpoint: String, patches: [String], output: String? = nil
  ) {
    self.direction = direction
    self.checkpoint = checkpoint
    self.patches = patches
    self.output = output
  }

  private var destination: ModelDestination {
    guard let output else { return rollsBack ? .rollback(on: disk) : .inPlace(on: disk) }
    return .files(output, overwriting: overwrites, synchronising: synchronises, undo: undo)
  }

  @discardableResult
  package func run(progress: ProgressHandler? = nil) throws(PatchError) -> ModelSummary {
    switch direction {
    case .apply:
      var apply = Apply(base: checkpoint, patches: patches, to: destination)
      apply.checksSHA256 = checksSHA256
      apply.valuesOnly = valuesOnly
      apply.threadCount = threadCount
      return try apply.run(progress: progress)
    case .strip:
      var strip = Strip(result: checkpoint, patches: patches, to: destination)
      strip.checksSHA256 = checksSHA256
      strip.valuesOnly = valuesOnly
      strip.threadCount = threadCount
      return try strip.run(progress: progress)
    }
  }
}
