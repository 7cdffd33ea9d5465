#!/usr/bin/env python3
"""Opens what `glasshouse inspect --to FOLDER` wrote, with numpy alone, and compares it with what `--json` printed.

    python check_inspection.py FOLDER JSON

Every view has a file, every tensor of it the type, shape and entries that are said of it, and both ways say the same. Prints one
JSON object: the names of each view's tensors. Exits with 1 and one line where something differs.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy
from safetensors.numpy import load_file

TYPES = {"f32": numpy.float32, "u32": numpy.uint32}


def differs(view, tensors, said, printed):
    """What is wrong with the tensors of a view's file, in a line."""
    if not set(tensors) == set(said) == set(printed):
        return f"{view}: {sorted(tensors)} in its file, {sorted(said)} in inspection.json, {sorted(printed)} printed"
    for name, tensor in tensors.items():
        about = printed[name]
        for key in ("axes", "shape", "element", "scope"):
            if said[name][key] != about[key]:
                return f"{view}.{name}: {key} is {said[name][key]} in inspection.json and {about[key]} as printed"
        if tensor.dtype != TYPES[about["element"]] or list(tensor.shape) != about["shape"]:
            return f"{view}.{name} is {tensor.dtype} {tensor.shape}, not {about['element']} {about['shape']}"
        if len(about["axes"]) != tensor.ndim:
            return f"{view}.{name} has {tensor.ndim} axes, of which {about['axes']} have names"
        # What is no number is null in JSON.
        entries = numpy.array([numpy.nan if entry is None else entry for entry in about["data"]], dtype=tensor.dtype)
        if not numpy.array_equal(entries.reshape(tensor.shape), tensor, equal_nan=tensor.dtype == numpy.float32):
            return f"{view}.{name} has other entries than are printed"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("json", type=Path)
    arguments = parser.parse_args()
    head = json.loads((arguments.folder / "inspection.json").read_text())
    printed = json.loads(arguments.json.read_text())
    for key in ("run", "step", "device", "layers", "heads", "tokens", "cut", "position"):
        if head[key] != printed[key]:
            return f"{key} is {head[key]} in inspection.json and {printed[key]} as printed"
    if list(head["views"]) != list(printed["views"]):
        return f"views are {list(head['views'])} in inspection.json and {list(printed['views'])} as printed"
    found = {}
    for view, said in head["views"].items():
        tensors = load_file(arguments.folder / said["file"])
        wrong = differs(view, tensors, said["tensors"], printed["views"][view]["tensors"])
        if wrong:
            return wrong
        found[view] = sorted(tensors)
    print(json.dumps(found))


if __name__ == "__main__":
    sys.exit(main())
