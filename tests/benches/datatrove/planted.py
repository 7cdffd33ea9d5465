"""Compares three de-duplicators on a planted corpus: ours, datatrove's MinHash and rensa's, each with a threshold of 0.5.

    python tests/benches/datatrove/planted.py target/release/glasshouse [--pairs N] [--seed N]

Needs datatrove with spacy and xxhash below 3.6, and rensa. The corpus has pairs of an original and a copy: exact copies, near copies with
isolated words replaced, excerpts, and documents that begin with half of another. The similarity of a pair is the exact Jaccard index of its
5-word shingles. Pages of one template and single documents are not copies. All three use the same shingle length; ours
has 16 bands of 8 rows and verifies candidates by all shingles, datatrove 14 of 8 without verification (FineWeb's parameters), rensa 14 of 8
with verification by signatures.

Recall: the share of pairs of a kind with a dropped document. Precision: the share of dropped documents with a partner of similarity 0.5 or more
in the corpus.
"""

import argparse
import collections
import json
import random
import re
import subprocess
import tempfile
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.utils.hashing import HashConfig
from rensa import RMinHash, RMinHashLSH

SHINGLE, SIMILARITY = 5, 0.5
WORDS, VOCABULARY = 400, 20_000
BANDS, ROWS = 14, 8
NEAR = (0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
EXCERPTS = (0.9, 0.7, 0.5)


def plant(pairs, seed):
    """Documents by id in a shuffled order, and the planted pairs with their kind."""
    dice = random.Random(seed)
    texts, planted = {}, []

    def word(number):
        # Letters, since datatrove writes every number as 0.
        return chr(97 + number % 26) + (word(number // 26) if number >= 26 else "")

    def words(count):
        # Common words are common: the square of an even number leans to the front.
        return [word(int(dice.random() ** 2 * VOCABULARY)) for _ in range(count)]

    def near(original, similarity):
        # A replaced word changes the shingles it is in.
        shingles = WORDS - SHINGLE + 1
        count = round(shingles * (1 - similarity) / (SHINGLE * (1 + similarity)))
        copy = list(original)
        for at in range(count):
            copy[(2 * at + 1) * WORDS // (2 * count)] = word(dice.randrange(VOCABULARY, 10**9))
        return copy

    kinds = {"exact": lambda own: own, "begins alike": lambda own: own[: WORDS // 2] + words(WORDS // 2)}
    kinds |= {f"near {s}": lambda own, s=s: near(own, s) for s in NEAR}
    kinds |= {f"excerpt {s}": lambda own, s=s: own[: round(WORDS * s)] for s in EXCERPTS}
    template = words(40)
    for number in range(pairs):
        for kind, copy in kinds.items():
            original = words(WORDS)
            one, other = f"{kind}:{number}:original", f"{kind}:{number}:copy"
            texts[one], texts[other] = " ".join(original), " ".join(copy(original))
            planted.append((kind, one, other))
        texts[f"template:{number}"] = " ".join(template + words(WORDS - len(template)))
        texts[f"single:{number}"] = " ".join(words(WORDS))
    order = list(texts.items())
    dice.shuffle(order)
    return order, planted


def ours(program, documents, folder):
    """The ids dropped by `data clean` with nothing but both searches for duplicates."""
    recipe = subprocess.run([program, "data", "recipe", "raw"], check=True, capture_output=True, text=True).stdout
    for search in ("exact", "near"):
        recipe, count = re.subn(rf"(\[duplicates\.{search}\][^\[]*?enabled = )false", r"\1true", recipe)
        assert count == 1, f"the recipe raw has no [duplicates.{search}]"
    (folder / "recipe.toml").write_text(recipe)
    lines = (json.dumps({"id": name, "text": text}) + "\n" for name, text in documents)
    (folder / "documents.jsonl").write_text("".join(lines))
    clean = [program, "data", "clean", "--in", folder / "documents.jsonl", "--recipe", folder / "recipe.toml"]
    subprocess.run([*clean, "--out", folder / "clean"], check=True, capture_output=True)
    dropped = (folder / "clean" / "dropped.jsonl").read_text().splitlines()
    # An id is FILE#LINE:OWN.
    return {json.loads(line)["id"].partition(":")[2] for line in dropped}


def datatrove(documents, folder):
    """The ids dropped by datatrove's four steps."""
    config = MinhashConfig(n_grams=SHINGLE, num_buckets=BANDS, hashes_per_bucket=ROWS, hash_config=HashConfig(precision=64))
    texts = [Document(text=text, id=name) for name, text in documents]
    signatures, buckets, clusters = (str(folder / name) for name in ("signatures", "buckets", "clusters"))
    MinhashDedupSignature(signatures, config=config).run(iter(texts), rank=0, world_size=1)
    for rank in range(BANDS):
        MinhashDedupBuckets(signatures, buckets, config=config).run(None, rank=rank, world_size=BANDS)
    MinhashDedupCluster(buckets, clusters, config=config).run(None, 0, 1)
    kept = {document.id for document in MinhashDedupFilter(clusters).run(iter(texts), rank=0, world_size=1)}
    return {name for name, _ in documents} - kept


def shingles(text):
    words = text.split()
    return {tuple(words[at : at + SHINGLE]) for at in range(max(len(words) - SHINGLE + 1, 1))}


def jaccard(one, other):
    one, other = shingles(one), shingles(other)
    return len(one & other) / len(one | other)


def rensa(documents, seed):
    """The ids that rensa's index has a document like already."""
    index, known, dropped = RMinHashLSH(SIMILARITY, BANDS * ROWS, BANDS), [], set()
    for name, text in documents:
        words = text.split()
        own = RMinHash(BANDS * ROWS, seed)
        own.update([" ".join(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)])
        if any(own.jaccard(known[other]) >= SIMILARITY for other in index.query(own)):
            dropped.add(name)
            continue
        index.insert(len(known), own)
        known.append(own)
    return dropped


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="glasshouse, built for release")
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    documents, planted = plant(arguments.pairs, arguments.seed)
    texts = dict(documents)
    with tempfile.TemporaryDirectory() as folder:
        found = {"ours": ours(arguments.program, documents, Path(folder))}
        found["datatrove"] = datatrove(documents, Path(folder))
        found["rensa"] = rensa(documents, arguments.seed)
    by_kind, copies = collections.defaultdict(list), set()
    for kind, one, other in planted:
        similarity = jaccard(texts[one], texts[other])
        by_kind[kind].append((similarity, one, other))
        if similarity >= SIMILARITY:
            copies |= {one, other}
    print(f"{len(documents)} documents, {arguments.pairs} pairs of each kind")
    print("| Kind | Similarity | " + " | ".join(found) + " |\n|---|---|" + "---|" * len(found))
    for kind, pairs in by_kind.items():
        similarity = sum(own for own, *_ in pairs) / len(pairs)
        shares = (sum(bool(dropped & set(pair)) for _, *pair in pairs) / len(pairs) for dropped in found.values())
        print(f"| {kind} | {similarity:.2f} | " + " | ".join(f"{100 * share:.0f} %" for share in shares) + " |")
    above = [pair for pairs in by_kind.values() for pair in pairs if pair[0] >= SIMILARITY]
    recall = (sum(bool(dropped & set(pair)) for _, *pair in above) / len(above) for dropped in found.values())
    precision = (len(dropped & copies) / max(len(dropped), 1) for dropped in found.values())
    for name, shares in (("recall", recall), ("precision", precision)):
        print(f"| **{name}** | from {SIMILARITY} | " + " | ".join(f"{100 * share:.1f} %" for share in shares) + " |")


if __name__ == "__main__":
    main()
