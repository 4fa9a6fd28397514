internal import Checkpoints

extension AdapterPlan {
  /// PEFT's configuration (Formats/adapter.md, section 6).
  func configuration(
    rank: Int, _ kind: LinearLayers, of base: any TensorSource,
    named baseName: (repository: String, commit: String)?
  ) -> JSONValue {
    func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
    var members: [JSONValue.Member] = [
      .init("base_model_name_or_path", text(baseName?.repository)),
      .init("bias", .string("none")),
      .init("fan_in_fan_out", .boolean(kind.isTransposed)),
      .init("inference_mode", .boolean(true)),
      .init("lora_alpha", .integer(rank)),
      .init("lora_dropout", .real(0)),
      .init("peft_type", .string("LORA")),
      .init("r", .integer(rank)),
      .init("revision", text(baseName?.commit)),
      .init("target_modules", .array(targetModules.map { .string($0) })),
      .init("task_type", text(kind.task)),
    ]
    let saved = savedModules
    if !saved.isEmpty {
      members.append(.init("modules_to_save", .array(saved.map { .string($0) })))
      // A head that is tied to the embedding is so again.
      let isTied = base["lm_head.weight"] == nil && saved.contains { $0.hasSuffix(".embed_tokens") }
      members.append(.init("ensure_weight_tying", .boolean(isTied)))
    }
    return .object(members.sorted { $0.key < $1.key })
  }
}
