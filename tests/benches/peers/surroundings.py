"""Common parts of all peers: configurations, the problem's file, the cache, and parsing of a command's JSON output.

The problem is a safetensors file: float32 weights with the names of tests/python/decoder.py, and int32 `tokens` and
`targets` [B, T]. Peers that can load weights start from these, so their losses must agree. Uses only the standard library.
"""

import array
import json
import math
import os
import random
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
CACHE = Path(os.environ.get("GLASSHOUSE_CACHE", Path.home() / ".cache/glasshouse"))
PEERS = CACHE / "peers"
SECONDS = 3600


class Unavailable(Exception):
    """Why a peer gives no figure."""


@dataclass(frozen=True)
class Config:
    """nanoGPT's decoder: pre-norm LayerNorm, exact GELU, learned positions, tied head, no biases, no dropout."""

    name: str
    depth: int
    heads: int
    width: int
    context: int
    batch: int
    vocabulary: int = 65


CONFIGS = {
    "nanogpt-cpu": Config("nanogpt-cpu", 4, 4, 128, 64, 12),
    "nanogpt-gpu": Config("nanogpt-gpu", 6, 6, 384, 256, 4),
}


def shapes(config):
    """Name -> shape of every weight."""
    width = config.width
    found = {"embedding.tokens": (config.vocabulary, width), "embedding.positions": (config.context, width)}
    for index in range(config.depth):
        block = f"blocks.{index}"
        found[f"{block}.attention.norm.weight"] = (width,)
        found[f"{block}.attention.qkv.weight"] = (3 * width, width)
        found[f"{block}.attention.output.weight"] = (width, width)
        found[f"{block}.mlp.norm.weight"] = (width,)
        found[f"{block}.mlp.up.weight"] = (4 * width, width)
        found[f"{block}.mlp.down.weight"] = (width, 4 * width)
    return found | {"norm.weight": (width,)}


def write_problem(config, path, seed=1):
    """Writes the problem's file: weights of nanoGPT's spread, drawn evenly rather than normally, and random tokens."""
    source = random.Random(seed)
    tensors = {}
    for name, shape in shapes(config).items():
        count = math.prod(shape)
        if len(shape) == 1:
            values = array.array("f", [1.0]) * count
        else:
            spread = 0.02 / math.sqrt(2 * config.depth) if name.endswith(("output.weight", "down.weight")) else 0.02
            # Evenly in ±√3 spreads has that standard deviation.
            unit, half = math.sqrt(12) * spread / 2**32, math.sqrt(3) * spread
            drawn = array.array("I", source.randbytes(4 * count))
            values = array.array("f", (entry * unit - half for entry in drawn))
        tensors[name] = ("F32", shape, values.tobytes())
    rows = [[source.randrange(config.vocabulary) for _ in range(config.context + 1)] for _ in range(config.batch)]
    for name, cut in (("tokens", slice(0, -1)), ("targets", slice(1, None))):
        ids = array.array("i", (entry for row in rows for entry in row[cut]))
        tensors[name] = ("I32", (config.batch, config.context), ids.tobytes())
    header, offset = {}, 0
    for name, (kind, shape, data) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.writelines(data for _, _, data in tensors.values())


def answer(command, **options):
    """The JSON object that a command prints as its last line that is one."""
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, **options)
    except FileNotFoundError:
        raise Unavailable(f"{command[0]} is missing") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"gave nothing in {SECONDS} s") from None
    for line in reversed(done.stdout.splitlines()):
        if line.startswith("{"):
            return json.loads(line)
    raise Unavailable(reason(done))


def install(command, **options):
    """Runs a package manager."""
    command = [str(part) for part in command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, **options)
    except FileNotFoundError:
        raise Unavailable(f"{command[0]} is missing") from None
    if done.returncode != 0:
        raise Unavailable(f"cannot be installed: {reason(done)}")


def reason(done):
    """The line of a failed command's output that says most."""
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower()] or lines or [f"exit status {done.returncode}"]
    return telling[0][:200]


def glasshouse_binary():
    """Glasshouse's program, as built last."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", CACHE / "target"))
    for place in (os.environ.get("GLASSHOUSE_BINARY"), target / "release/glasshouse", REPOSITORY / "target/release/glasshouse"):
        if place and Path(place).is_file():
            return Path(place)
    raise Unavailable("no glasshouse program; build one with cargo build --release, or name it in GLASSHOUSE_BINARY")
