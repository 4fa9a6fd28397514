internal import Hub
internal import PatchEngine
public import Publishing

/// Writes the model card of a patch or an adapter.
public struct Card: PatchOperation {
  /// The patch file, or the folder of an adapter that ``MakeAdapter`` made.
  public var patch: String
  /// What the publisher says.
  public var details: CardDetails
  /// Where the card goes; nil to only have it.
  public var output: String?
  /// Whether ``output`` may exist.
  public var overwrites = false
  /// 0 for one a core.
  public var threadCount = 0

  /// Writes the card of `patch`.
  public init(patch: String, details: CardDetails = CardDetails(), output: String? = nil) {
    self.patch = patch
    self.details = details
    self.output = output
  }

  /// Writes the card.
  ///
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the patch).
  public func run(in execution: Execution) throws(PatchError) -> ModelCard {
    let publication = try InputName(patch).publication()
    if let output { try OutputGuard([], files: publication.files).check(output) }
    return try ModelCard(of: publication, details, output: output, overwrites: overwrites)
  }
}

/// Makes the folder of a patch or an adapter that is ready for the Hub (Formats/hub.md, section 5).
public struct Package: PatchOperation {
  /// The patch file, or the folder of an adapter that ``MakeAdapter`` made.
  public var patch: String
  /// The folder to make.
  public var output: String
  /// What the publisher says.
  public var details: CardDetails
  /// A licence text to bring instead of the base's.
  public var licenseFile: String?
  /// Whether ``output`` may exist. What is not a package's stays in it.
  public var overwrites = false
  /// 0 for one a core.
  public var threadCount = 0

  /// Makes the folder `output` of `patch`.
  public init(patch: String, output: String, details: CardDetails = CardDetails()) {
    self.patch = patch
    self.output = output
    self.details = details
  }

  /// Writes the folder. The same inputs and details give the same bytes.
  ///
  /// - Throws: ``PatchError``; nothing then has the output's name.
  /// - Complexity: O(bytes of the patch or adapter).
  public func run(in execution: Execution) throws(PatchError) -> PatchPackage {
    let publication = try InputName(patch).publication()
    try OutputGuard([], files: publication.files).check(output)
    let license = try licenseFile.map { (name) throws(PatchError) in try InputName(name).path }
    return try PatchPackage(
      of: publication, details, licenseFile: license, output: output, overwrites: overwrites,
      execution)
  }
}
