// The header documents what it declares.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation

public import CGradiendPatch
internal import Live
internal import PatchEngine

/// What ``gpatch_live`` stands for.
final class LiveHandle: Sendable {
  let patch: LivePatch
  let missing: Texts
  let unknown: Texts

  init(_ patch: LivePatch) {
    self.patch = patch
    missing = Texts(patch.missingNames)
    unknown = Texts(patch.unknownNames)
  }
}

/// What ``gpatch_verdict`` stands for.
final class Verdict: Sendable {
  let role: gpatch_role
  let differingFromBase: Texts
  let differingFromResult: Texts

  init(_ verdict: DigestVerdict) {
    role =
      verdict.isBase ? GPATCH_BASE : verdict.isResult ? GPATCH_RESULT : GPATCH_NEITHER
    differingFromBase = Texts(verdict.differing(from: .base))
    differingFromResult = Texts(verdict.differing(from: .result))
  }
}

@c @implementation
public func gpatch_live_new(
  _ patch: OpaquePointer, _ model: OpaquePointer,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> OpaquePointer? {
  unsafe reporting(to: error, or: nil) { () throws(PatchError) in
    unsafe handle(LiveHandle(try LivePatch(object(patch, Patch.self).file, object(model))))
  }
}

@c @implementation
public func gpatch_live_check_complete(
  _ live: OpaquePointer, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> Bool {
  unsafe reporting(to: error, or: false) { () throws(PatchError) in
    try unsafe object(live, LiveHandle.self).patch.checkIsComplete()
    return true
  }
}

@c @implementation
public func gpatch_live_free(_ live: OpaquePointer?) { unsafe free(live, LiveHandle.self) }

@c @implementation
public func gpatch_live_missing(_ live: OpaquePointer, _ index: UInt64) -> UnsafePointer<CChar>? {
  unsafe object(live, LiveHandle.self).missing[index]
}

@c @implementation
public func gpatch_live_unknown(_ live: OpaquePointer, _ index: UInt64) -> UnsafePointer<CChar>? {
  unsafe object(live, LiveHandle.self).unknown[index]
}

@c @implementation
public func gpatch_live_verdict(
  _ live: OpaquePointer, _ options: UnsafePointer<gpatch_options>?,
  _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> OpaquePointer? {
  unsafe reporting(to: error, or: nil) { () throws(PatchError) in
    try Callbacks.refuse()
    return unsafe handle(
      Verdict(try object(live, LiveHandle.self).patch.verdict(Execution(options))))
  }
}

@c @implementation
public func gpatch_verdict_free(_ verdict: OpaquePointer?) { unsafe free(verdict, Verdict.self) }

@c @implementation
public func gpatch_verdict_role(_ verdict: OpaquePointer) -> gpatch_role {
  unsafe object(verdict, Verdict.self).role
}

@c @implementation
public func gpatch_verdict_differing(
  _ verdict: OpaquePointer, _ role: gpatch_role, _ index: UInt64
) -> UnsafePointer<CChar>? {
  let verdict = unsafe object(verdict, Verdict.self)
  switch role {
  case GPATCH_BASE: return unsafe verdict.differingFromBase[index]
  case GPATCH_RESULT: return unsafe verdict.differingFromResult[index]
  default: return nil
  }
}

@c @implementation
public func gpatch_live_move(
  _ live: OpaquePointer, _ role: gpatch_role, _ check: Bool,
  _ options: UnsafePointer<gpatch_options>?, _ error: UnsafeMutablePointer<OpaquePointer?>?
) -> Bool {
  unsafe reporting(to: error, or: false) { () throws(PatchError) in
    try Callbacks.refuse()
    let live = unsafe object(live, LiveHandle.self).patch
    _ = unsafe try live.move(to: CheckpointRole(role), isChecked: check, Execution(options))
    return true
  }
}
