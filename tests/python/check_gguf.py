"""Compares our GGUF files with the `gguf` package's, for tests/tests/gguf.rs.

usage: check_gguf.py FOLDER
FOLDER/ours.gguf is a file of ours, whose tensors were all made of the floats in FOLDER/entries.bin. Its weights must be what the package
makes of the same floats; types that the package has no quantizer for are left to the caller. Prints its metadata as JSON.
Writes FOLDER/theirs.gguf with keys of every kind and a tensor of every type that it can dequantize and we read, and for each the floats
that it takes its weights for, as FOLDER/NAME.bin.
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np

folder = Path(sys.argv[1])
types = gguf.GGMLQuantizationType


def ours():
    reader = gguf.GGUFReader(folder / "ours.gguf")
    entries = np.fromfile(folder / "entries.bin", np.float32)
    compared = []
    for tensor in reader.tensors:
        rows = entries.reshape(tuple(int(size) for size in reversed(tensor.shape)))
        try:
            expected = gguf.quants.quantize(rows, tensor.tensor_type)
        except NotImplementedError:
            continue
        if expected.tobytes() != tensor.data.tobytes():
            sys.exit(f"{tensor.name}: the bytes of {tensor.tensor_type.name} differ")
        compared.append(tensor.name)
    fields = {key: field.contents() for key, field in reader.fields.items() if not key.startswith("GGUF.")}
    print(json.dumps({"compared": compared, "fields": fields}))


def theirs():
    writer = gguf.GGUFWriter(folder / "theirs.gguf", "llama")
    writer.add_uint8("kinds.u8", 200)
    writer.add_int8("kinds.i8", -100)
    writer.add_uint16("kinds.u16", 60_000)
    writer.add_int16("kinds.i16", -30_000)
    writer.add_uint32("kinds.u32", 4_000_000_000)
    writer.add_int32("kinds.i32", -2_000_000_000)
    writer.add_uint64("kinds.u64", 1 << 60)
    writer.add_int64("kinds.i64", -(1 << 60))
    writer.add_float32("kinds.f32", 0.1)
    writer.add_float64("kinds.f64", 0.1)
    writer.add_bool("kinds.bool", True)
    writer.add_string("kinds.string", "Käuze")
    writer.add_array("kinds.strings", ["a", "Ġb", ""])
    writer.add_array("kinds.floats", [0.5, -1.5])
    writer.add_array("kinds.nested", [[1, 2], [3]])
    random = np.random.default_rng(7)
    for name in "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS".split():
        block, size = gguf.GGML_QUANT_SIZES[types[name]]
        bits = random.integers(0, 256, (3, 2, 512 // block * size), np.uint8)
        if name in ("F32", "F16"):
            weights = random.standard_normal((3, 2, 512)).astype(np.float32 if name == "F32" else np.float16)
            writer.add_tensor(name, weights)
        else:
            weights = bits
            writer.add_tensor(name, bits, raw_dtype=types[name])
        gguf.quants.dequantize(weights, types[name]).astype(np.float32).tofile(folder / f"{name}.bin")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


ours()
theirs()
