import Checkpoints
import Gradiend
import GradiendPatch
import Live
import PatchEngine
import PatchFormat
import PatchTestSupport
import TestSupport

/// A base, its result and the patch between the two.
struct LiveBench {
  let folder: TemporaryDirectory
  let base: [RandomModel.Tensor]
  let result: [RandomModel.Tensor]
  let patch: PatchFile

  static let execution = Execution(threadCount: 2)

  init(_ base: [RandomModel.Tensor], _ result: [RandomModel.Tensor]) throws {
    folder = try TemporaryDirectory()
    (self.base, self.result) = (base, result)
    let (old, new) = (
      try Self.write(base, to: folder, "base"), try Self.write(result, to: folder, "result")
    )
    let output = folder.path("patch")
    _ = try Diff(base: old, result: new, output: output).run()
    patch = try PatchFile(path: output)
  }

  /// Every type and odd shapes.
  init(seed: UInt64 = 14) throws {
    let base = RandomModel(seed: seed)
    try self.init(base.tensors, base.widelyChanged(from: seed + 1).tensors)
  }

  @discardableResult
  static func write(
    _ tensors: [RandomModel.Tensor], to folder: TemporaryDirectory, _ name: String
  ) throws -> String {
    var file = SafetensorsBuilder()
    for tensor in tensors { file.add(tensor.name, tensor.type, tensor.shape, tensor.bytes) }
    return try folder.write(file.bytes, to: name)
  }

  func live(_ model: MemoryModel, allowsMissing: Bool = false) throws(PatchError) -> LivePatch {
    let live = try LivePatch(patch, model)
    if !allowsMissing { try live.checkIsComplete() }
    return live
  }
}

extension LivePatch {
  @discardableResult
  func move(to role: CheckpointRole, isChecked: Bool = true) throws(PatchError) -> Bool {
    try move(to: role, isChecked: isChecked, LiveBench.execution)
  }
}

extension [RandomModel.Tensor] {
  /// The tensors that devices can hold: each element has bytes of its own.
  var ofWholeBytes: Self { filter { $0.type != "F4" } }

  /// The same under other names, in other shapes.
  func renamed(_ name: (String) -> String) -> Self {
    map { tensor in
      var tensor = tensor
      tensor.name = name(tensor.name)
      return tensor
    }
  }
}

extension RandomModel.Tensor {
  /// BF16 values before and after an update.
  static func pair(
    _ name: String, rows: Int, columns: Int, seed: UInt64
  ) -> (base: RandomModel.Tensor, result: RandomModel.Tensor) {
    let values = OuterProduct(rows: rows, columns: columns, seed: seed)
    func tensor(_ bytes: [UInt8]) -> RandomModel.Tensor {
      RandomModel.Tensor(name: name, type: "BF16", shape: values.shape, bytes: bytes)
    }
    return (tensor(values.base), tensor(values.result))
  }

  /// BF16 values in another type, all of which it has.
  func converted(to type: String) -> RandomModel.Tensor {
    let values = stride(from: 0, to: bytes.count, by: 2).map { index in
      Float(bitPattern: UInt32(bytes[index]) << 16 | UInt32(bytes[index + 1]) << 24)
    }
    var tensor = self
    tensor.type = type
    switch type {
    case "F32": tensor.bytes = SafetensorsBuilder.littleEndian(values.map(\.bitPattern))
    case "F16":
      tensor.bytes = SafetensorsBuilder.littleEndian(values.map { Float16($0).bitPattern })
    default: break
    }
    return tensor
  }
}
