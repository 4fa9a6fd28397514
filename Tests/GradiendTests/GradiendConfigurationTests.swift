import Checkpoints
import Gradiend
import TestSupport
import Testing

/// A checkpoint with one field of its configuration changed.
@Suite struct GradiendConfigurationTests {
  let folder: TemporaryDirectory

  init() throws { folder = try TemporaryDirectory() }

  /// What is wrong with a checkpoint of two parameters, `a` whole and `m` by a mask, after one
  /// replacement in its configuration; the complaint is about `config.json`.
  private func refusal(_ old: String, _ new: String) throws -> String? {
    var builder = Self.builder
    builder.edits = [(old, new)]
    let path = try builder.write(to: folder, as: "g")
    do throws(CheckpointError) {
      _ = try GradiendCheckpoint(path: path)
      return nil
    } catch {
      return error.description.replacing(path + "/config.json: ", with: "")
    }
  }

  static let builder = GradiendBuilder([
    .init("a", [2, 2]), .init("m", [3], .mask([1, 0, 2])), .init("i", [9], .indices([4, 1])),
  ])

  @Test func `the builder's checkpoint is sound`() throws {
    var builder = Self.builder
    let gradiend = try GradiendCheckpoint(path: builder.write(to: folder, as: "g"))
    #expect(gradiend.configuration.entryCount == 8)
    #expect(gradiend.configuration.latentCount == 1)
    #expect(gradiend.configuration.activation == .identity)
    #expect(gradiend.configuration.hasBias)
    #expect(gradiend.configuration.elementType == .float32)
    let coverages = try #require(gradiend.coverages)
    #expect(coverages.map(\.parameter.name) == ["a", "m", "i"])
    #expect(coverages.map(\.entries) == [0..<4, 4..<6, 6..<8])
  }

  static let activations =
    "not one of id, relu, leakyrelu, tanh, smht, elu, gelu, sigmoid, silu"

  static let faults: [(old: String, new: String, complaint: String)] = [
    (#""format_version":0"#, #""format_version":99"#, "format_version is 99; this version reads 0"),
    (
      #""format_version":0"#, #""format_version":"0""#,
      #"format_version is "0"; this version reads 0"#
    ),
    (#""format_version":0,"#, "", "format_version is missing; this version reads 0"),
    (
      #""architecture""#, #""architect""#,
      "'architecture' is missing; this is not a GRADIEND checkpoint"
    ),
    (#""input_dim":8"#, #""input_dim":0"#, "input_dim is 0, not an integer above 0"),
    (#""input_dim":8"#, #""input_dim":-8"#, "input_dim is -8, not an integer above 0"),
    (#""input_dim":8"#, #""input_dim":8.0"#, "input_dim is 8.0, not an integer above 0"),
    (#""input_dim":8,"#, "", "input_dim is missing, not an integer above 0"),
    (#""latent_dim":1"#, #""latent_dim":null"#, "latent_dim is null, not an integer above 0"),
    (
      #""activation_decoder":"id""#, #""activation_decoder":"Tanh""#,
      "activation_decoder is 'Tanh', \(activations), in lower case"
    ),
    (
      #""activation_decoder":"id""#, #""activation_decoder":"softmax""#,
      "activation_decoder is 'softmax', \(activations), in lower case"
    ),
    (
      #""activation_decoder":"id""#, #""activation_decoder":null"#,
      "activation_decoder is null, \(activations)"
    ),
    (
      #""bias_decoder":true"#, #""bias_decoder":1"#, "bias_decoder is 1, neither true nor false"
    ),
    (
      #""torch_dtype":"float32""#, #""torch_dtype":"float64""#,
      "torch_dtype float64 is not supported"
    ),
    (
      #""mapping":{"#, #""mapping":null,"other":{"#,
      "'mapping' is missing: the checkpoint does not say which weights it covers"
    ),
    (
      #""param_map""#, #""map""#,
      "mapping.param_map is missing or empty: no weights are covered"
    ),
    (
      #""mode":"mixed""#, #""mode":"rows""#,
      #"mapping.mode is "rows", not one of all, mask, indices, mixed"#
    ),
    (#""name":"m""#, #""name":"a""#, "mapping.param_map names 'a' twice"),
    (#""name":"m""#, #""name":"""#, "mapping.param_map[1] has no name"),
    (#""name":"m","shape":[3]"#, #""name":"m""#, "mapping.param_map[1] 'm' has no shape"),
    (#""shape":[3]"#, #""shape":[3.0]"#, "mapping.param_map[1] 'm': shape holds 3.0"),
    (#""shape":[3]"#, #""shape":[0]"#, "mapping.param_map[1] 'm': shape holds 0"),
    (#""shape":[3]"#, #""shape":[-3]"#, "mapping.param_map[1] 'm': shape holds -3"),
    (
      #""shape":[3]"#, #""shape":[4294967296,4294967296]"#,
      "mapping.param_map[1] 'm': its shape overflows"
    ),
    (#""repr":"mask""#, #""repr":"some""#, #"mapping.param_map[1] 'm': repr is "some""#),
    (#""repr":"mask","#, "", "mapping.param_map[1] 'm': repr is missing"),
    (
      #""key":"L1","#, "", "mapping.param_map[1] 'm': repr is mask, but there is no key"
    ),
    (
      #""num_selected":4"#, #""num_selected":3"#,
      "parameter 'a': num_selected is 3, but its map selects 4"
    ),
    (
      #""key":"L1","num_selected":2"#, #""key":"L1","num_selected":3"#,
      "parameter 'm': num_selected is 3, but its map selects 2"
    ),
    (
      #""key":"L2","num_selected":2"#, #""key":"L2","num_selected":0"#,
      "parameter 'i': num_selected is 0, but its map selects 2"
    ),
    (
      #""num_selected":4"#, #""num_selected":"4""#,
      #"mapping.param_map[0] 'a': num_selected is "4", not an integer"#
    ),
    (
      #""masks_file":"masks.safetensors","#, "",
      "parameter 'm' has mask, but no file of them is named"
    ),
    (
      #""masks_file":"masks.safetensors""#, #""masks_file":"../g/masks.safetensors""#,
      #"masks_file is "../g/masks.safetensors", not the name of a file in the same folder"#
    ),
    (
      #""indices_file":"indices.safetensors""#, #""indices_file":7"#,
      "indices_file is 7, not the name of a file in the same folder"
    ),
  ]

  @Test(arguments: faults)
  func `a field that is wrong alone is named`(old: String, new: String, complaint: String) throws {
    #expect(try refusal(old, new) == complaint)
  }

  @Test(arguments: [
    (#""base_model":"base""#, #""mapping_kind":"activation""#),
    (#""base_model":"base""#, #""signal_space":{"kind":"activation"}"#),
    (#""format_version":0"#, #""signal_space":{"kind":"activation","site":"mlp"}"#),
  ])
  func `a checkpoint of activations is refused as such, whatever else it says`(
    old: String, new: String
  ) throws {
    #expect(
      try refusal(old, new)
        == "this GRADIEND is of activations, which it changes while the model runs; it says nothing "
        + "of weights, so no patch can be made of it")
  }

  @Test(arguments: [
    (#""activation_decoder":"id","#, ""), (#""bias_decoder":true,"#, ""),
    (#""base_model":"base""#, #""mapping_kind":"parameter""#),
    (#""bias_decoder":true"#, #""bias_decoder":null"#), (#","torch_dtype":"float32""#, ""),
    (#""torch_dtype":"float32""#, #""torch_dtype":"unknown""#), (#""mode":"mixed","#, ""),
    (#""num_selected":4"#, #""x":4"#), (#""base_model":"base""#, #""base_model":[]"#),
  ])
  func `a field that may be left out or that nobody reads is accepted`(
    old: String, new: String
  ) throws {
    #expect(try refusal(old, new) == nil)
  }

  @Test func `an empty decoder activation is the encoder's`() throws {
    var builder = Self.builder
    builder.edits = [(#""activation_decoder":"id""#, #""activation_decoder":"""#)]
    let gradiend = try GradiendCheckpoint(path: builder.write(to: folder, as: "g"))
    #expect(gradiend.configuration.activation == .tanh)
  }

  static let numbers = ["NaN", "Infinity", "-Infinity", "123456789012345678901234567890"]

  @Test(arguments: numbers)
  func `a number that only Python writes may stand where nobody reads it`(number: String) throws {
    #expect(try refusal(#""base_model":"base""#, #""loss":[1,\#(number)],"x":"NaN""#) == nil)
  }

  @Test(arguments: numbers)
  func `a number that only Python writes is no value of a field`(number: String) throws {
    #expect(
      try refusal(#""input_dim":8"#, #""input_dim":\#(number)"#)
        == "input_dim is [], not an integer above 0")
  }

  @Test(arguments: ["nan", "NaN1", "+Infinity", "0123456789012345678901", "1.", "- 1"])
  func `what not even Python writes is refused`(text: String) throws {
    let complaint = try #require(try refusal(#""base_model":"base""#, #""loss":\#(text)"#))
    #expect(complaint.contains("not JSON"))
  }

  @Test func `a folder without a configuration is the system's error`() {
    do throws(CheckpointError) {
      _ = try GradiendCheckpoint(path: folder.path)
      Issue.record("accepted")
    } catch {
      #expect(error.description == folder.path("config.json: open: No such file or directory"))
    }
  }
}
