import ByteIO
import Checkpoints
import Gradiend
import ModelNames
import TestSupport
import Testing

/// A rewrite of a base, put together as a caller of the module does, with the checks that are a
/// caller's: names, shapes, and what the part asks for.
struct Rewrite {
  enum Refusal: Error, Equatable {
    /// The file's name, and what is wrong with it.
    case gradiend(String, String)
    case part
    case featureFactors
    case unknownName(String)
    case sharedTensor(String)
    case shape(String)
    case elementType(String)
  }

  let base: Checkpoint
  let output: DecoderOutput
  let coverages: [String: GradiendCheckpoint.Coverage]

  init(_ reference: ReferenceData.Case) throws {
    try self.init(
      base: ReferenceData.path(reference.base), gradiend: ReferenceData.path(reference.gradiend),
      part: #require(UpdatePart(rawValue: reference.part)),
      featureFactors: reference.featureFactors.map { Float($0) },
      learningRate: Float(reference.learningRate))
  }

  init(
    base basePath: String, gradiend path: String, part: UpdatePart, featureFactors: [Float],
    learningRate: Float
  ) throws {
    base = try Checkpoint(path: basePath)
    let gradiend: GradiendCheckpoint
    do throws(CheckpointError) {
      gradiend = try GradiendCheckpoint(path: path)
    } catch {
      throw Refusal.gradiend(Folder.lastComponent(of: error.path), error.reason)
    }
    let latentCount = gradiend.configuration.latentCount
    if part == .decoderWeight || part == .encoderWeight, latentCount != 1 { throw Refusal.part }
    if part == .decoder, featureFactors.count != latentCount { throw Refusal.featureFactors }
    output = DecoderOutput(
      gradiend, part: part, featureFactors: featureFactors, learningRate: learningRate)

    let names = ParameterNames(base.tensors.map(\.name))
    let isOlder = gradiend.configuration.layout == .older
    var tensors: [StoredTensor] = []
    for parameter in gradiend.parameters {
      guard let name = names.tensor(for: parameter.name, isWhole: isOlder), let tensor = base[name]
      else { throw Refusal.unknownName(parameter.name) }
      tensors.append(tensor)
    }
    var coverages: [String: GradiendCheckpoint.Coverage] = [:]
    let found = try gradiend.coverages(inShapes: tensors.map(\.descriptor.shape))
    for (coverage, tensor) in zip(found, tensors) {
      guard tensor.descriptor.shape == coverage.shape else {
        throw Refusal.shape(coverage.parameter.name)
      }
      guard coverages.updateValue(coverage, forKey: tensor.name) == nil else {
        throw Refusal.sharedTensor(tensor.name)
      }
    }
    self.coverages = coverages
  }

  /// The bytes of `tensor` after the rewrite, computed `stride` elements at a time.
  func patched(_ tensor: StoredTensor, stride length: Int = .max) throws -> [UInt8] {
    let bytes = base.bytes(of: tensor)
    guard let coverage = coverages[tensor.name] else { return bytes }
    guard let update = TensorUpdate(output, coverage, type: tensor.descriptor.elementType) else {
      throw Refusal.elementType(tensor.name)
    }
    return update.patched(bytes, elementCount: tensor.descriptor.elementCount, stride: length)
  }

  /// The decoder output of every element of `tensor`, 0 where none is selected.
  func decoderOutput(of tensor: StoredTensor) throws -> [Float] {
    let count = tensor.descriptor.elementCount
    guard let coverage = coverages[tensor.name] else { return Array(repeating: 0, count: count) }
    let unscaled = DecoderOutput(
      output.gradiend, part: output.part, featureFactors: output.featureFactors, learningRate: 1)
    let update = try #require(TensorUpdate(unscaled, coverage, type: .float32))
    let zeros = [UInt8](repeating: 0, count: 4 * count)
    return Floats(update.patched(zeros, elementCount: count), type: .float32).values
  }
}

extension TensorUpdate {
  /// `base` with the update added, computed `stride` elements at a time.
  func patched(_ base: [UInt8], elementCount: Int, stride length: Int = .max) -> [UInt8] {
    guard elementCount > 0 else { return [] }
    let width = base.count / elementCount
    var result: [UInt8] = []
    for first in stride(from: 0, to: elementCount, by: min(length, elementCount)) {
      let end = min(first + min(length, elementCount), elementCount)
      let piece = Array(base[first * width..<end * width])
      var patched = [UInt8](repeating: 0xAA, count: piece.count)
      var span = patched.mutableSpan
      var bytes = span.mutableBytes
      add(fromElement: first, to: piece.span.bytes, into: &bytes)
      result += patched
    }
    return result
  }
}

extension Checkpoint {
  func bytes(of tensor: StoredTensor) -> [UInt8] {
    file(of: tensor).bytes.extracting(tensor.descriptor.byteRange).array
  }
}

extension CheckpointError {
  /// The cause without the path.
  var reason: String { String(description.dropFirst(path.count + 2)) }
}
