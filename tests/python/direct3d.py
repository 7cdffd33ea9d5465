"""Compiles HLSL to DXIL with Microsoft's compiler, DXC. Reads a line of JSON per shader (`name`, `entry`, `source`), and prints a line for each that
does not compile. The compiler is the library within a wheel whose own function writes only SPIR-V and knows no 16-bit types."""

import ctypes
import importlib.util
import json
import sys
import uuid
from pathlib import Path

LIBRARY, COMPILER = ("6245d6af-66e0-48fd-80b4-4d271796748c", "73e22d93-e6ce-47f3-b5bf-f0664f39c1b0")
LIBRARY_INTERFACE, COMPILER_INTERFACE = ("e5204dc7-d18c-4c3c-bdfb-851673980fe7", "8c210bf3-011f-4422-8d70-6f9acb8db617")
UTF_8 = 65001
OPTIONS = ["-HV", "2018", "-enable-16bit-types", "-O3"]
Object = ctypes.c_void_p


def call(this, slot, types, *arguments):
    """A method by its place in the object's table."""
    table = ctypes.cast(ctypes.cast(this, ctypes.POINTER(Object))[0], ctypes.POINTER(Object))
    return ctypes.CFUNCTYPE(ctypes.c_uint32, Object, *types)(table[slot])(this, *arguments)


def made(result, out):
    if result:
        sys.exit(f"DXC refuses a call: {result:#x}")
    return out


def instance(library, kind, interface):
    out = Object()
    create = library.DxcCreateInstance
    create.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Object)]
    return made(create(uuid.UUID(kind).bytes_le, uuid.UUID(interface).bytes_le, ctypes.byref(out)), out)


def text(blob):
    table = ctypes.cast(ctypes.cast(blob, ctypes.POINTER(Object))[0], ctypes.POINTER(Object))
    pointer = ctypes.CFUNCTYPE(Object, Object)(table[3])(blob)
    size = ctypes.CFUNCTYPE(ctypes.c_size_t, Object)(table[4])(blob)
    return ctypes.string_at(pointer, size)


def main():
    folder = Path(importlib.util.find_spec("compushady").origin).parent / "backends"
    library = ctypes.CDLL(str(folder / "libdxcompiler_x86_64.so"))
    blobs, compiler = instance(library, LIBRARY, LIBRARY_INTERFACE), instance(library, COMPILER, COMPILER_INTERFACE)
    options = (ctypes.c_wchar_p * len(OPTIONS))(*OPTIONS)
    compiled = 0
    for line in sys.stdin:
        shader = json.loads(line)
        source, blob, result, status, output = shader["source"].encode(), Object(), Object(), ctypes.c_uint32(), Object()
        word, out = ctypes.c_uint32, ctypes.POINTER(Object)
        made(call(blobs, 7, [ctypes.c_char_p, word, word, out], source, len(source), UTF_8, ctypes.byref(blob)), blob)
        wide = ctypes.c_wchar_p
        types = [Object, wide, wide, wide, Object, word, Object, word, Object, out]
        made(call(compiler, 3, types, blob, None, shader["entry"], "cs_6_2", options, len(OPTIONS), None, 0, None, ctypes.byref(result)), result)
        made(call(result, 3, [ctypes.POINTER(word)], ctypes.byref(status)), status)
        if status.value:
            made(call(result, 5, [out], ctypes.byref(output)), output)
            print(f"{shader['name']}: {text(output).decode(errors='replace').strip()}")
            continue
        made(call(result, 4, [out], ctypes.byref(output)), output)
        if text(output)[:4] != b"DXBC":
            print(f"{shader['name']}: its container is not DXIL's")
        compiled += 1
    print(f"compiled {compiled}")


main()
