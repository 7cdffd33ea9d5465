#!/usr/bin/env python3
"""Quantises GGUF files with llama.cpp's own quantiser, for tests/tests/gguf_llama_cpp.rs.

    python quantise_llama_cpp.py LIBRARIES (IN OUT TYPE)...

LIBRARIES is the folder of libllama and libggml; TYPE a number of `enum llama_ftype`.
"""

import ctypes
import sys
from pathlib import Path


class Parameters(ctypes.Structure):
    """`llama_model_quantize_params`: what it begins with, and room for the rest, which stays as the library sets it."""

    _fields_ = [("threads", ctypes.c_int32), ("type", ctypes.c_int32), ("rest", ctypes.c_int64 * 64)]


def main():
    folder = Path(sys.argv[1])

    def library(name):
        (path,) = [path for path in folder.iterdir() if path.name.startswith(f"{name}.")]
        return ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)

    library("libggml-base")
    ggml = library("libggml")
    ggml.ggml_backend_load_all_from_path(str(folder).encode())
    llama = library("libllama")
    llama.llama_model_quantize_default_params.restype = Parameters
    jobs = sys.argv[2:]
    for source, target, number in zip(jobs[::3], jobs[1::3], jobs[2::3]):
        parameters = llama.llama_model_quantize_default_params()
        parameters.threads, parameters.type = 1, int(number)
        if llama.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(parameters)) != 0:
            return f"{source}: llama.cpp could not quantise it as {number}"
    return None


if __name__ == "__main__":
    sys.exit(main())
