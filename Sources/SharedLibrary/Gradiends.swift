// The header documents what it declares.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

internal import ByteIO
public import CGradiendPatch
internal import Checkpoints
internal import Gradiend
internal import GradiendPatch
internal import Live
internal import PatchEngine

/// What ``gpatch_gradiend`` stands for.
final class GradiendHandle: Sendable {
  let source: GradiendBase
  let texts: TensorTexts

  init(base: String, gradiend: String) throws(PatchError) {
    let (baseName, gradiendName) = (try InputName(base), try InputName(gradiend))
    let gradiend = try gradiendName.gradiend(of: baseName)
    source = try GradiendBase(try baseName.checkpoint(), gradiend)
    texts = TensorTexts(
      source.base.tensors.map { ($0.name, $0.elementType, $0.shape) })
  }

  /// What the GRADIEND adds for a candidate.
  func output(_ candidate: gpatch_candidate) throws(PatchError) -> DecoderOutput {
    let part: UpdatePart
    if let given = unsafe candidate.part {
      let name = unsafe try text(given)
      guard let found = UpdatePart(rawValue: name) else {
        throw .argument("there is no part '\(name)'")
      }
      part = found
    } else {
      part = .decoder
    }
    // More than the latents are refused without being looked at.
    let limit = source.gradiend.configuration.latentCount + 1
    let count = min(limit, Int(clamping: unsafe candidate.feature_factor_count))
    let factors = unsafe candidate.feature_factors.map { factors in
      (0..<count).map { unsafe factors[$0] }
    }
    return try DecoderOutput(
      of: source.gradiend, part: part, featureFactors: factors ?? [],
      learningRate: unsafe candidate.learning_rate)
  }
}

@c @implementation
public func gpatch_gradiend_open(
  _ base: UnsafePointer<CChar>, _ gradiend: UnsafePointer<CChar>,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> OpaquePointer? {
  unsafe reporting(to: error, or: nil) { () throws(PatchError) in
    unsafe handle(
      try GradiendHandle(base: String(fileName: base), gradiend: String(fileName: gradiend)))
  }
}

@c @implementation
public func gpatch_gradiend_free(_ gradiend: OpaquePointer?) {
  unsafe free(gradiend, GradiendHandle.self)
}

@c @implementation
public func gpatch_gradiend_latent_count(_ gradiend: OpaquePointer) -> UInt64 {
  UInt64(unsafe object(gradiend, GradiendHandle.self).source.gradiend.configuration.latentCount)
}

@c @implementation
public func gpatch_gradiend_tensor_count(_ gradiend: OpaquePointer) -> UInt64 {
  unsafe object(gradiend, GradiendHandle.self).texts.count
}

@c @implementation
public func gpatch_gradiend_tensor(
  _ gradiend: OpaquePointer, _ index: UInt64, _ tensor: UnsafeMutablePointer<gpatch_tensor>,
  _ is_changed: UnsafeMutablePointer<Bool>
) -> Bool {
  let gradiend = unsafe object(gradiend, GradiendHandle.self)
  guard let found = unsafe gradiend.texts[index] else { return false }
  unsafe tensor.pointee = found
  unsafe is_changed.pointee = gradiend.source.changes(gradiend.source.base.tensors[Int(index)])
  return true
}

@c @implementation
public func gpatch_gradiend_result(
  _ gradiend: OpaquePointer, _ candidate: UnsafePointer<gpatch_candidate>, _ index: UInt64,
  _ output: UnsafeMutableRawPointer, _ byte_count: UInt64,
  _ options: UnsafePointer<gpatch_options>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> Bool {
  unsafe reporting(to: error, or: false) { () throws(PatchError) in
    let gradiend = unsafe object(gradiend, GradiendHandle.self)
    let tensors = gradiend.source.base.tensors
    guard index < tensors.count else {
      throw .argument("the base has \(tensors.count) tensors, none is number \(index)")
    }
    let tensor = tensors[Int(index)]
    try PatchError.checkByteCount(byte_count, of: tensor.name, tensor.byteCount)
    let decoderOutput = unsafe try gradiend.output(candidate.pointee)
    let address = unsafe TensorMemory.Address(output)
    try unsafe gradiend.source.result(of: tensor, decoderOutput, Execution(options)) {
      (range, bytes) in
      address.write(bytes.rawSpan, at: range.lowerBound)
    }
    return true
  }
}

/// What ``gpatch_trial`` stands for.
final class Trial: Sendable {
  let gradiend: GradiendHandle
  let live: LiveTrial

  init(_ gradiend: GradiendHandle, _ model: MemoryModel) throws(PatchError) {
    self.gradiend = gradiend
    live = try LiveTrial(gradiend.source, model)
  }
}

@c @implementation
public func gpatch_trial_new(
  _ gradiend: OpaquePointer, _ model: OpaquePointer,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> OpaquePointer? {
  unsafe reporting(to: error, or: nil) { () throws(PatchError) in
    unsafe handle(try Trial(object(gradiend), object(model)))
  }
}

@c @implementation
public func gpatch_trial_free(_ trial: OpaquePointer?) { unsafe free(trial, Trial.self) }

@c @implementation
public func gpatch_trial_move(
  _ trial: OpaquePointer, _ candidate: UnsafePointer<gpatch_candidate>?,
  _ options: UnsafePointer<gpatch_options>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> Bool {
  unsafe reporting(to: error, or: false) { () throws(PatchError) in
    try Callbacks.refuse()
    let trial = unsafe object(trial, Trial.self)
    let execution = unsafe Execution(options)
    guard let candidate = unsafe candidate else {
      try trial.live.leave(execution)
      return true
    }
    try trial.live.enter(unsafe trial.gradiend.output(candidate.pointee), execution)
    return true
  }
}
