"""Compares near-duplicate decisions with datatrove's on the same documents, explains every difference, and measures throughput.

    cargo build --release -p glasshouse-corpus --example duplicates
    python tests/benches/datatrove/minhash.py target/release/examples/duplicates

Needs datatrove with spacy and xxhash. The documents are generated from a seed: originals, copies with a share of their words
changed, copies that differ only in case and punctuation or only in numbers, chains of overlapping excerpts, pages of one template,
very short texts. Both sides run on one core; datatrove's time is CPU time and ours wall-clock time, so load favours datatrove. The
last line is a JSON object; the exit status is 1 if a decision differs for a reason not listed below.

Reasons for differences:
  unverified     datatrove joins documents with equal bands; their true similarity is below 0.5, so we keep both
  chain          datatrove joins copies of copies; we keep documents that resemble no kept document
  numbers        datatrove replaces every number with 0 before comparing; we do not
  diacritics     datatrove removes accents before comparing; we do not
  short          datatrove makes no shingles of texts with fewer than five words; we compare them as a whole
  bands          with the same threshold, the documents met in a band only on one side (16 bands against 14, other permutations)
"""

import argparse
import collections
import itertools
import json
import random
import re
import struct
import subprocess
import sys
import tempfile
import time
import unicodedata
from pathlib import Path

from datatrove.data import Document
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.utils.hashing import HashConfig

SHINGLE, SIMILARITY = 5, 0.5


def make_documents(count, seed):
    """Texts with copies of many kinds, shuffled; the id says which original and what was done to it."""
    dice = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    weights = range(len(letters), 0, -1)
    lengths = [min(13, max(1, int(dice.gammavariate(4, 1.2)))) for _ in range(20_000)]
    vocabulary = ["".join(dice.choices(letters, weights=weights, k=length)) for length in lengths]
    vocabulary += ["café", "naïve", "über", "señor"]
    frequency = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(vocabulary))))

    def words(least, most):
        return dice.choices(vocabulary, cum_weights=frequency, k=dice.randint(least, most))

    def write(words):
        parts = []
        for at, word in enumerate(words):
            parts.append(word.capitalize() if at % 11 == 0 else word)
            parts.append(". " if at % 11 == 10 else ", " if at % 11 == 4 else " ")
        return "".join(parts).strip() + "."

    def edited(words, share):
        words = list(words)
        for at in dice.sample(range(len(words)), round(share * len(words))):
            words[at] = dice.choice(vocabulary)
        return words

    documents = []
    template = words(150, 150)
    for number in itertools.count():
        if len(documents) >= count:
            break
        kind = number % 10
        if kind < 4:
            documents.append((f"{number}:single", write(words(60, 600))))
        elif kind < 7:
            original = words(100, 600)
            documents.append((f"{number}:original", write(original)))
            for share in (0.005, 0.02, 0.03, 0.05):
                if dice.random() < 0.5:
                    documents.append((f"{number}:edited {share}", write(edited(original, share))))
        elif kind == 7:
            original = words(80, 300)
            documents.append((f"{number}:plain", write(original)))
            documents.append((f"{number}:dressed", "  ".join(original).upper() + " !!"))
            accented = edited(original, 0)
            accented[::9] = ["café"] * len(accented[::9])
            documents.append((f"{number}:accented", write(accented)))
            documents.append((f"{number}:bare", unicodedata.normalize("NFD", write(accented)).replace("\u0301", "")))
        elif kind == 8:
            long = words(700, 700)
            for step in range(5):
                documents.append((f"{number}:chain {step}", write(long[step * 25 : step * 25 + 500])))
        else:
            table = [word if at % 4 else str(dice.randint(0, 999)) for at, word in enumerate(words(60, 200))]
            again = [str(dice.randint(0, 999)) if word.isdigit() else word for word in table]
            documents.append((f"{number}:numbers", write(table)))
            documents.append((f"{number}:other numbers", write(again)))
            documents.append((f"{number}:template", write(template + words(20, 20))))
            documents.append((f"{number}:short", write(words(3, 3))))
            documents.append((f"{number}:short again", documents[-1][1].upper()))
    dice.shuffle(documents)
    return documents[:count]


def make_pairs(one_in, seed, count=200, length=300):
    """Pairs of texts that differ in one word of so many, evenly spread."""
    dice = random.Random(seed)
    documents = []
    for number in range(count):
        words = [f"w{dice.randrange(30_000)}" for _ in range(length)]
        other = [f"x{dice.randrange(10**6)}" if at % one_in == one_in // 2 else word for at, word in enumerate(words)]
        documents += [(f"{number}:one", " ".join(words)), (f"{number}:other", " ".join(other))]
    return documents


def pairs_found(program, one_in, seed):
    """How many of such pairs each side joins."""
    documents = make_pairs(one_in, seed)
    with tempfile.TemporaryDirectory() as folder:
        _, theirs, _ = run_datatrove(documents, Path(folder))
        ours, _ = run_ours(program, documents, Path(folder))
    return {"ours": len(ours), "datatrove": len(theirs), "pairs": len(documents) // 2}


def shingles(text, numbers=True, accents=True):
    """The set of runs of words, by our folding, or with numbers or accents folded as datatrove folds them."""
    text = text.lower()
    if not numbers:
        text = re.sub(r"\d+", "0", text)
    if not accents:
        text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    words = re.findall(r"\w+", text)
    if len(words) < SHINGLE:
        return {tuple(words)}
    return {tuple(words[at : at + SHINGLE]) for at in range(len(words) - SHINGLE + 1)}


def jaccard(one, other, **folding):
    one, other = shingles(one, **folding), shingles(other, **folding)
    return len(one & other) / len(one | other)


def run_datatrove(documents, folder):
    """Its four steps in this process: the family of each document that has one, who is dropped, and seconds by step."""
    config = MinhashConfig(n_grams=SHINGLE, num_buckets=14, hashes_per_bucket=8, hash_config=HashConfig(precision=64))
    texts = [Document(text=text, id=name) for name, text in documents]
    paths = {name: str(folder / name) for name in ("signatures", "buckets", "clusters")}
    seconds = {}

    def timed(name, work):
        started = time.process_time()
        result = work()
        seconds[name] = time.process_time() - started
        return result

    signature = MinhashDedupSignature(paths["signatures"], config=config)
    signature.get_shingles("the first text loads the word splitter and is not timed")
    timed("signatures", lambda: signature.run(iter(texts), rank=0, world_size=1))
    buckets = MinhashDedupBuckets(paths["signatures"], paths["buckets"], config=config)
    timed("buckets", lambda: [buckets.run(None, rank=rank, world_size=14) for rank in range(14)])
    cluster = MinhashDedupCluster(paths["buckets"], paths["clusters"], config=config, save_cluster_id=True)
    timed("clusters", lambda: cluster.run(None, 0, 1))
    keep = MinhashDedupFilter(paths["clusters"])
    kept = timed("filter", lambda: {document.id for document in keep.run(iter(texts), rank=0, world_size=1)})
    families = collections.defaultdict(list)
    for number, family in struct.iter_unpack("<2I", (folder / "clusters" / "000000.clusters").read_bytes()):
        families[family].append(documents[number][0])
    return list(families.values()), {name for name, _ in documents} - kept, seconds


def run_ours(program, documents, folder):
    """The same from our example program."""
    (folder / "documents.jsonl").write_text(
        "".join(json.dumps({"id": name, "text": text}, ensure_ascii=False) + "\n" for name, text in documents)
    )
    output = folder / "decisions.jsonl"
    printed = subprocess.run(
        [program, str(folder / "documents.jsonl"), str(output)], check=True, capture_output=True, text=True
    ).stdout
    decisions = [json.loads(line) for line in output.read_text().splitlines()]
    return decisions, json.loads(printed)


def pairs_of(families):
    return {tuple(sorted(pair)) for family in families for pair in itertools.combinations(family, 2)}


def why(pair, texts, joined_by_us, dropped_by_us):
    """Why the sides differ about two documents; none where no known reason holds."""
    one, other = (texts[name] for name in pair)
    similarity = jaccard(one, other)
    if len(re.findall(r"\w+", one)) < SHINGLE:
        return "short"
    if joined_by_us:
        return "bands" if similarity >= SIMILARITY else "both copies of one"
    if similarity >= SIMILARITY:
        return "chain" if dropped_by_us & set(pair) else "bands"
    if jaccard(one, other, numbers=False) >= SIMILARITY:
        return "numbers"
    if jaccard(one, other, accents=False) >= SIMILARITY:
        return "diacritics"
    return "unverified"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", help="the example `duplicates`, built for release")
    parser.add_argument("--documents", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    documents = make_documents(arguments.documents, arguments.seed)
    texts = dict(documents)
    megabytes = sum(len(text.encode()) for text in texts.values()) / 1e6
    with tempfile.TemporaryDirectory() as folder:
        families, theirs_dropped, seconds = run_datatrove(documents, Path(folder))
        decisions, ours = run_ours(arguments.program, documents, Path(folder))

    stars = collections.defaultdict(set)
    for one in decisions:
        stars[one["kept"]] |= {one["kept"], one["id"]}
    # An exact copy of a document that later fell to a near copy belongs with both.
    kept_by = {one["id"]: one["kept"] for one in decisions}
    our_families = collections.defaultdict(set)
    for name in {name for star in stars.values() for name in star}:
        last = name
        while last in kept_by:
            last = kept_by[last]
        our_families[last].add(name)
    theirs, mine = pairs_of(families), pairs_of(our_families.values())

    reasons = collections.Counter()
    unexplained = []
    for pair in sorted(theirs ^ mine):
        reason = why(pair, texts, pair in mine, kept_by.keys())
        # Below the similarity by every folding, yet joined: over others of its family, or by chance.
        if reason == "unverified":
            family = next(set(family) for family in families if pair[0] in family)
            through = family - set(pair)
            if any(jaccard(texts[pair[0]], texts[name]) >= SIMILARITY for name in through) or any(
                jaccard(texts[pair[1]], texts[name]) >= SIMILARITY for name in through
            ):
                reason = "chain"
            elif jaccard(texts[pair[0]], texts[pair[1]], numbers=False, accents=False) < 0.3:
                unexplained.append(pair)
        reasons[f"{'ours' if pair in mine else 'datatrove'} only: {reason}"] += 1

    wrong = [one for one in decisions if jaccard(texts[one["id"]], texts[one["kept"]]) < SIMILARITY]
    both = theirs & mine
    result = {
        "documents": len(documents),
        "megabytes": round(megabytes, 2),
        "dropped": {"ours": len(decisions), "datatrove": len(theirs_dropped)},
        "pairs": {"both": len(both), "ours_only": len(mine - theirs), "datatrove_only": len(theirs - mine)},
        "differences": dict(sorted(reasons.items())),
        "ours_below_similarity": len(wrong),
        "found": {
            f"one word in {one_in}": pairs_found(arguments.program, one_in, arguments.seed) for one_in in (33, 25)
        },
        "unexplained": unexplained[:10],
        "megabytes_per_second": {
            "ours_marking": round(ours["marking_megabytes_per_second"], 1),
            "ours_whole": round(
                megabytes / (megabytes / ours["marking_megabytes_per_second"] + ours["deciding_seconds"]), 1
            ),
            "datatrove_signatures": round(megabytes / seconds["signatures"], 3),
            "datatrove_whole": round(megabytes / sum(seconds.values()), 3),
        },
        "seconds_of_datatrove": {name: round(value, 2) for name, value in seconds.items()},
    }
    print(json.dumps(result))
    return 1 if unexplained or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
