"""Prints what Python's `fasttext` (PyPI fasttext-wheel 0.9.2) says of the made-up models in the tests of engine/corpus/src/rules/fast_text.rs,
which has these answers: python3 tests/python/fast_text.py"""

import struct
import tempfile

import fasttext

WORDS = ["</s>", "the", "river", "größe", "北京", "and"]
LABELS = ["__label__hq", "__label__lq", "__label__other"]
TEXTS = ["the river", "größe und the 北京", "unknown words only, and a __label__hq", "river the\tand  the river"]
DIMENSION, BUCKETS, PRUNED = 4, 40, 12


def floats(count, seed):
    return b"".join(struct.pack("<f", ((seed + 7919 * at) % 101) / 25 - 2) for at in range(count))


def parts(dimension, count, width, last, seed):
    return struct.pack("<4i", dimension, count, width, last) + floats(dimension * 256, seed)


def matrix(rows, quantised, seed):
    size = struct.pack("<qq", rows, DIMENSION)
    if not quantised:
        return size + floats(rows * DIMENSION, seed)
    codes = bytes((seed + 31 * at) % 256 for at in range(rows * 2))
    norms = bytes((seed + 17 * at) % 256 for at in range(rows))
    return b"\1" + size + struct.pack("<i", len(codes)) + codes + parts(4, 2, 3, 1, seed) + norms + parts(1, 1, 1, 1, seed + 5)


def model(loss, quantised):
    entries = [(word, 0) for word in WORDS] + [(label, 1) for label in LABELS]
    data = struct.pack("<14i", 793712314, 12, DIMENSION, 5, 5, 1, 5, 3, loss, 3, BUCKETS, 2, 4, 100) + struct.pack("<d", 1e-4)
    data += struct.pack("<3i2q", len(entries), len(WORDS), len(LABELS), 99, PRUNED if quantised else -1)
    for at, (name, kind) in enumerate(entries):
        data += name.encode() + b"\0" + struct.pack("<qb", 50 - at, kind)
    if quantised:
        data += b"".join(struct.pack("<2i", 3 * row, row) for row in range(PRUNED))
    rows = len(WORDS) + (PRUNED if quantised else BUCKETS)
    flag = bytes([quantised])
    return data + flag + matrix(rows, quantised, 3) + flag + matrix(len(LABELS), quantised, 11)


for loss in 1, 2, 3:
    for quantised in False, True:
        with tempfile.NamedTemporaryFile(suffix=".bin") as file:
            file.write(model(loss, quantised))
            file.flush()
            read = fasttext.load_model(file.name)
            for text in TEXTS:
                found = dict((label, share) for share, label in read.f.predict(text + "\n", 3, 0.0, "strict"))
                print(f"({loss}, {str(quantised).lower()}, {text!r}):", [round(found[label], 6) for label in LABELS])
