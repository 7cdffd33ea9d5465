#!/usr/bin/env python3
"""The recipe "@NAME@" of Glasshouse as a datatrove pipeline.

    pip install "datatrove[processing]" aiohttp orjson spacy
    python script.py INPUT OUTPUT                       # here, on all cores
    python script.py INPUT OUTPUT --executor slurm --tasks 500 --partition cpu --time 10:00:00
    python script.py INPUT OUTPUT --executor ray --tasks 500

INPUT is a folder of JSONL files with a field "text"; `glasshouse data clean --recipe raw` writes one from any files. A file is
read by one task, so cut a large one first: `split -C 500M --additional-suffix=.jsonl RAW/kept.jsonl INPUT/kept-`.

OUTPUT gets `kept/` (gzipped JSONL), `dropped/` by filter, and what the duplicate search needs on its way. A second run with the
same OUTPUT goes on where the first one stopped. `glasshouse data clean --recipe raw --in OUTPUT/kept --out DIR` makes a folder
of it that `glasshouse train --data DIR` takes.
"""
# What the recipe asks and datatrove has no counterpart for:
@MISSING@
# Its words are spaCy's and its language filter is fastText's, so a few decisions near a threshold differ from Glasshouse's.
# It decides near duplicates by clusters of documents that agree in a band, without comparing them, and keeps any one of a
# cluster. Exact copies fall with the near ones; texts of fewer words than a shingle has are never copies to it.

import argparse
import os

from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    LanguageFilter,
)
from datatrove.pipeline.formatters import PIIFormatter
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers.jsonl import JsonlWriter

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("input")
parser.add_argument("output")
parser.add_argument("--executor", choices=["local", "slurm", "ray"], default="local")
parser.add_argument("--tasks", type=int, default=os.cpu_count())
parser.add_argument("--workers", type=int, default=-1)
parser.add_argument("--partition", default="cpu", help="Slurm's partition")
parser.add_argument("--time", default="10:00:00", help="Slurm's time limit")
parser.add_argument("--without-language", action="store_true", help="leave the language filter out: it downloads a model")
parser.add_argument("--pattern", default="kept*.jsonl", help="files of INPUT that are read")
arguments = parser.parse_args()

NEAR_DUPLICATES = @NEAR@
MINHASH = MinhashConfig(n_grams=@WORDS@, num_buckets=@BANDS@, hashes_per_bucket=@ROWS@)
PERSONAL_DATA = [@PERSONAL@]


def language_filter(languages):
    """fastText's language identification, with FineWeb's threshold for it; no languages are all of them."""
    return [] if arguments.without_language else [LanguageFilter(languages or None)]


def executor(name, pipeline, tasks=arguments.tasks, depends=None):
    """A stage of the work on the chosen machine."""
    logs = os.path.join(arguments.output, "logs", name)
    if arguments.executor == "slurm":
        from datatrove.executor import SlurmPipelineExecutor

        return SlurmPipelineExecutor(
            pipeline,
            tasks=tasks,
            time=arguments.time,
            partition=arguments.partition,
            logging_dir=logs,
            job_name=f"@NAME@-{name}",
            depends=depends,
        )
    if arguments.executor == "ray":
        from datatrove.executor import RayPipelineExecutor

        return RayPipelineExecutor(pipeline, tasks=tasks, workers=arguments.workers, logging_dir=logs, depends=depends)
    from datatrove.executor import LocalPipelineExecutor

    return LocalPipelineExecutor(pipeline, tasks=tasks, workers=arguments.workers, logging_dir=logs, depends=depends)


def folder(name):
    return os.path.join(arguments.output, name)


def read(name):
    return JsonlReader(folder(name))


def write(name):
    """Source, licence and the rest of a document stand beside its text, as they did in INPUT."""
    return JsonlWriter(folder(name), expand_metadata=True)


def filters():
    """The recipe's rules, each with a folder for what it drops."""
    steps = [
@FILTERS@    ]
    for step in steps:
        step.exclusion_writer = write(f"dropped/{type(step).__name__}")
    return steps


def main():
    first = [JsonlReader(arguments.input, glob_pattern=arguments.pattern), *filters(), *PERSONAL_DATA]
    if not NEAR_DUPLICATES:
        executor("filter", [*first, write("kept")]).run()
        return
    filtered = executor("filter", [*first, write("filtered")])
    signatures = executor(
        "signatures",
        [read("filtered"), MinhashDedupSignature(folder("minhash/signatures"), config=MINHASH)],
        depends=filtered,
    )
    buckets = executor(
        "buckets",
        [MinhashDedupBuckets(folder("minhash/signatures"), folder("minhash/buckets"), config=MINHASH)],
        tasks=MINHASH.num_buckets,
        depends=signatures,
    )
    clusters = executor(
        "clusters",
        [MinhashDedupCluster(folder("minhash/buckets"), folder("minhash/remove"), config=MINHASH)],
        tasks=1,
        depends=buckets,
    )
    keep_one = MinhashDedupFilter(folder("minhash/remove"), exclusion_writer=write("dropped/MinhashDedupFilter"))
    executor("write", [read("filtered"), keep_one, write("kept")], depends=clusters).run()


if __name__ == "__main__":
    main()
