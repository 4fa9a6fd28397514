/// The Python program that runs the peers that are Python packages.
enum PeerScript {
  static let text = """
    import json, lzma, shutil, struct, sys

    method, action, base, source, target = sys.argv[1:]

    def read(path):
        with open(path, "rb") as file:
            return file.read()

    def write(path, data):
        with open(path, "wb") as file:
            file.write(data)

    def xor(left, right):
        import numpy
        return numpy.bitwise_xor(numpy.frombuffer(left, "u1"), numpy.frombuffer(right, "u1")).tobytes()

    def zipnn():
        import zipnn
        with open(base, "rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        types = {"BF16": "bfloat16", "F16": "float16", "F32": "float32"}
        found = [value["dtype"] for key, value in header.items() if key != "__metadata__"]
        return zipnn.ZipNN(delta_compressed_type="byte", bytearray_dtype=types[found[0]])

    if method == "xor" and action == "make":
        write(target, lzma.compress(xor(read(base), read(source)), preset=6))
    elif method == "xor":
        write(target, xor(read(base), lzma.decompress(read(source))))
    elif method == "xor-zstd" and action == "make":
        import zstandard
        write(target, zstandard.ZstdCompressor(1).compress(xor(read(base), read(source))))
    elif method == "xor-zstd":
        import zstandard
        write(target, xor(read(base), zstandard.ZstdDecompressor().decompress(read(source))))
    elif method == "list":
        # Words that differ: their numbers in 32 bits, then what they become, as trainers send them.
        import numpy
        old = numpy.frombuffer(read(base), "<u2").copy()
        if action == "make":
            new = numpy.frombuffer(read(source), "<u2")
            places = numpy.flatnonzero(old != new)
            write(target, places.astype("<u4").tobytes() + new[places].tobytes())
        else:
            data = read(source)
            count = len(data) // 6
            old[numpy.frombuffer(data, "<u4", count)] = numpy.frombuffer(data, "<u2", count, 4 * count)
            write(target, old.tobytes())
    elif method == "zipnn" and action == "make":
        write(target, zipnn().compress(read(source), delta_second_data=read(base)))
    elif method == "zipnn":
        write(target, zipnn().decompress(read(source), delta_second_data=read(base)))
    elif action == "make":
        from fireworks_delta_compression import delta_compress_files_to_file
        delta_compress_files_to_file(src=base, dst=source, diff_file=target, compression_format="arc_v3")
    else:
        from fireworks_delta_compression import delta_decompress_inplace
        shutil.copyfile(base, target)
        delta_decompress_inplace(base_path=target, diff_path=source, compression_format="arc_v3")
    """
}
