import ByteIO
import Checkpoints
import TestSupport
import Testing

/// Pickles that attack their reader, and such that are just wrong.
@Suite struct PickleTests {
  /// Why a file with this pickle is refused, its offset counted from the start of the pickle.
  private func refusal(_ pickle: PickleAssembler) -> FormatError? {
    let archive = TorchFileBuilder().archive(pickle: pickle.bytes)
    // The local header of the first entry.
    return TorchFileTests.refusal(archive.bytes)?.shifted(by: -(30 + "archive/data.pkl".count))
  }

  private func refusal(_ assemble: (inout PickleAssembler) -> Void) -> FormatError? {
    var pickle = PickleAssembler()
    assemble(&pickle)
    return refusal(pickle)
  }

  private func hasLimit(_ error: FormatError?) -> Bool {
    if case .limitExceeded = error?.reason { true } else { false }
  }

  // MARK: Calls

  @Test(arguments: [
    ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("__builtin__", "eval"),
    ("torch", "load"), ("torch", "FloatStorage.from_file"), ("torch._utils", "_rebuild_tensor"),
    ("torch.storage", "UntypedStorage"), ("collections", "OrderedDict.fromkeys"),
    ("Collections", "OrderedDict"), ("torch.FloatStorage", ""), ("", "FloatStorage"),
  ])
  func `anything but the few names of tensors is refused by name`(module: String, name: String) {
    let error = refusal {
      $0.global(module, name)
      $0.append("(")
      $0.string("touch /tmp/owned")
      $0.append("tR.")
    }
    #expect(
      error
        == .unsupported(
          "the pickle asks for '\(module).\(name)', which is none of the things that a dictionary "
            + "of tensors needs; nothing was called, and you should not trust this file unless you "
            + "made it", at: 2))
  }

  static let opcodes: [(bytes: [UInt8], name: String)] = [
    (Array("i".utf8), "INST"), (Array("o".utf8), "OBJ"), ([0x81], "NEWOBJ"),
    ([0x92], "NEWOBJ_EX"), ([0x93], "STACK_GLOBAL"), ([0x82, 1], "EXT1"), ([0x84], "EXT4"),
    (Array("P0\n".utf8), "PERSID"), (Array("V".utf8), "UNICODE"), ([0x8B], "LONG4"),
    ([0x95], "FRAME"), ([0x94], "MEMOIZE"), ([0x8E], "BINBYTES8"), (Array("]".utf8), "EMPTY_LIST"),
    (Array("0".utf8), "POP"), (Array("2".utf8), "DUP"), (Array("p0\n".utf8), "PUT"),
    ([0xFF], "unknown"), ([0], "unknown"),
  ]

  @Test(arguments: opcodes.indices)
  func `opcodes that tensors do not need are refused by name`(index: Int) {
    let (bytes, name) = Self.opcodes[index]
    #expect(
      refusal {
        $0.append("}")
        $0.append(bytes)
      }
        == .unsupported(
          "the pickle uses \(name) (opcode \(bytes[0])), which no dictionary of tensors needs; do "
            + "not trust this file unless you made it", at: 3))
  }

  @Test(arguments: ["}", ")", "N", "K\u{1}"])
  func `calls of anything but a name with a tuple are refused`(callable: String) throws {
    let error = refusal { $0.append(callable + ")R.") }
    #expect(try #require(error).description.hasSuffix("; nothing was called"))
    let noTuple = refusal {
      $0.global("torch._utils", "_rebuild_tensor_v2")
      $0.append("}R.")
    }
    #expect(try #require(noTuple).description.hasSuffix("; nothing was called"))
  }

  @Test func `a type of storage is not called`() {
    let error = refusal {
      $0.global("torch", "FloatStorage")
      $0.tuple([1 << 40])
      $0.append("R.")
    }
    #expect(error?.reason == .unsupported("the pickle calls a type of storage; nothing was called"))
  }

  @Test func `an ordered dictionary is made without entries of its own`() {
    let error = refusal {
      $0.global("collections", "OrderedDict")
      $0.append("}\u{85}".unicodeScalars.map { UInt8($0.value) })
      $0.append("R.")
    }
    #expect(
      error?.reason
        == .unsupported("the pickle makes an OrderedDict from other entries than its own"))
  }

  @Test func `a state is set on dictionaries only, and of it only the layers' versions`() {
    let foreign = refusal {
      $0.append("}}")
      $0.string("__class__")
      $0.append("Nsb.")
    }
    #expect(
      foreign?.reason
        == .unsupported(
          "the pickle sets the state of a dictionary, which no dictionary of tensors needs"))
    #expect(refusal { $0.append("N}b.") } != nil)
    #expect(refusal { $0.append("})b.") } != nil)
    #expect(
      refusal {
        $0.append("}}")
        $0.string("_metadata")
        $0.append("Nsb.")
      } == nil)
  }

  // MARK: Bombs

  @Test func `a memo that is doubled again and again ends at the limit of nesting`() {
    let error = refusal {
      $0.append(")")
      $0.put(0)
      for round in 1...200 {
        $0.get(round - 1)
        $0.append([0x86])
        $0.put(round)
      }
      $0.append(".")
    }
    #expect(error?.reason == .limitExceeded("the pickle is nested more than 32 deep"))
  }

  @Test func `deep nesting ends at its limit, and costs no stack`() {
    #expect(hasLimit(refusal { $0.append(String(repeating: "(", count: 1_000_000)) }))
    #expect(hasLimit(refusal { $0.append([0x4E] + Array(repeating: 0x85, count: 1_000_000)) }))
    // Dictionaries in dictionaries are refused for what they are, however deep.
    let nested = refusal {
      for _ in 0..<50_000 {
        $0.append("}")
        $0.string("a")
      }
    }
    #expect(hasLimit(nested))
  }

  @Test func `a dictionary that holds itself is not a tensor`() {
    let error = refusal {
      $0.append("}")
      $0.put(0)
      $0.string("me")
      $0.get(0)
      $0.append("s.")
    }
    #expect(
      error?.reason == .unsupported("entry 'me' of the file is a dictionary, not a tensor"))
  }

  @Test func `more values or objects than any model has end at their limits`() {
    #expect(hasLimit(refusal { $0.append(String(repeating: "N", count: 100_000)) }))
    let dictionaries = refusal {
      for _ in 0..<40 { $0.append("(" + String(repeating: "}", count: 30_000) + "t") }
    }
    #expect(hasLimit(dictionaries))
  }

  @Test func `a pickle longer than its limit is refused unread`() {
    #expect(hasLimit(refusal { $0.append(Array(repeating: 0x4E, count: 16 << 20)) }))
  }

  @Test(arguments: [1, 1000, 0x7FFF_FFFF, 0xFFFF_FFFF] as [UInt32])
  func `a string longer than the pickle is refused`(byteCount: UInt32) {
    let error = refusal {
      $0.append("X")
      $0.append(SafetensorsBuilder.littleEndian([byteCount]))
    }
    #expect(error?.reason == .truncated(needed: Int(byteCount), available: 0))
  }

  @Test(arguments: [1, 255, 256, 0xFFFF_FFFF])
  func `values are kept under the next free number only`(number: Int) {
    let error = refusal {
      $0.append("}")
      $0.put(number)
    }
    #expect(
      error == .corrupt("the pickle keeps a value as number \(number), not 0", at: 3))
    let recalled = refusal { $0.get(number) }
    #expect(recalled == .corrupt("the pickle recalls value \(number) of 0", at: 2))
  }

  // MARK: Wrong pickles

  @Test(arguments: [0, 1, 3, 4, 5] as [UInt8])
  func `another protocol is refused by number`(version: UInt8) {
    #expect(
      refusal(PickleAssembler(version: version))
        == .unsupported(
          "the pickle has protocol \(version); torch.save writes 2 unless told otherwise", at: 0))
  }

  @Test(arguments: ["", "t", "u", "s", "R", "b", "Q", ".", "N.", ")u.", "}(u", "}(N", "}}."])
  func `a pickle that does not hold together is refused`(opcodes: String) {
    #expect(refusal { $0.append(opcodes) } != nil)
  }

  @Test(arguments: ["(t.", "}(K\u{1}Nu.", "}NNs.", "}(Nu.", "N}.", "}.N", "}(.", "()}u."])
  func `a pickle of something else is refused`(opcodes: String) {
    #expect(refusal { $0.append(opcodes) } != nil)
  }

  @Test func `two tensors of one name are refused`() {
    let error = refusal {
      $0.append("}")
      $0.string("a")
      $0.append("Ns")
      $0.string("a")
      $0.append("Ns.")
    }
    #expect(error?.reason == .corrupt("the pickle has a dictionary with two entries 'a'"))
  }

  // MARK: Tensors

  static let outside: [(offset: Int, shape: [Int])] = [
    (0, [5]), (1, [4]), (4, [1]), (5, [0]), (.max, [1]), (0, [3, 2]), (1 << 62, [4]),
  ]

  @Test(arguments: outside.indices)
  func `a tensor that leaves its storage is refused`(index: Int) throws {
    let (offset, shape) = Self.outside[index]
    let error = try #require(TorchFileTests.refusal(TorchFileTests.file(shape, offset: offset)))
    #expect(
      error.reason
        == .corrupt(
          "the pickle has a tensor of \(shape.reduce(1, *)) elements from \(offset) on in a storage "
            + "of 4"))
  }

  @Test(arguments: [[1 << 32, 1 << 32], [1 << 62, 4, 0], [1 << 60, 0], [.max, .max]])
  func `a shape that overflows is refused`(shape: [Int]) throws {
    let error = try #require(TorchFileTests.refusal(TorchFileTests.file(shape)))
    #expect(error.reason == .corrupt("the pickle has a tensor whose shape overflows"))
  }

  @Test(arguments: [[-1], [2, -2], [.min]])
  func `a negative length, stride or offset is refused`(shape: [Int]) {
    for file in [
      TorchFileTests.file(shape), TorchFileTests.file([4], shape),
      TorchFileTests.file([1], offset: -1),
    ] {
      #expect(
        TorchFileTests.refusal(file)?.reason
          == .corrupt("the pickle makes a tensor from other things than tensors have"))
    }
  }

  @Test func `one storage with two lengths or types is refused`() {
    for (type, count) in [("FloatStorage", 3), ("IntStorage", 4), ("DoubleStorage", 2)] {
      var pickle = PickleAssembler()
      pickle.append("}")
      pickle.string("a")
      pickle.tensor("FloatStorage", key: "0", count: 4, shape: [1])
      pickle.append("s")
      pickle.string("b")
      pickle.tensor(type, key: "0", count: count, shape: [1])
      pickle.append("s.")
      var builder = TorchFileBuilder()
      builder.add("", "F32", [4], Array(repeating: 0, count: 16))
      #expect(TorchFileTests.refusal(builder.archive(pickle: pickle.bytes).bytes) != nil)
    }
  }

  @Test(arguments: ["../../etc/passwd", "", "0/../1", "1"])
  func `a storage's key is looked up in the archive and nowhere else`(key: String) {
    var pickle = PickleAssembler()
    pickle.append("}")
    pickle.string("a")
    pickle.tensor("FloatStorage", key: key, count: 1, shape: [1])
    pickle.append("s.")
    #expect(
      refusal(pickle)?.reason
        == .corrupt("tensor 'a' lies in storage '\(key)', which the archive has not"))
  }

  @Test func `a tensor to be negated is refused`() {
    let error = refusal {
      $0.global("torch._utils", "_rebuild_tensor_v2")
      $0.append("(")
      $0.storage("FloatStorage", key: "0", count: 1)
      $0.integer(0)
      $0.tuple([1])
      $0.tuple([1])
      $0.append([0x89])
      $0.append("}}")
      $0.string("neg")
      $0.append([0x88])
      $0.append("stR.")
    }
    #expect(
      error?.reason == .unsupported("the pickle has a tensor whose values are not those stored"))
  }
}
