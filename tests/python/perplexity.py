#!/usr/bin/env python3
"""Perplexity of a prepared text's validation split under an exported model, as `glasshouse evaluate` defines it, by PyTorch.

    python perplexity.py MODEL DATA [--stride N] [--batch TOKENS] [--threads N] [--tokens N]

MODEL is what `glasshouse export --format huggingface` wrote, DATA the run's folder below `data/` of its project. A document is predicted
behind the token that ends the one before, where documents are ended by one. Windows are of the model's context, each `stride` (half of it)
further than the one before, and score what no window before has; the last one ends with its document. Windows of about equal length are
computed together, about `batch` tokens (2048) at once. Prints one JSON object: `documents`, `tokens`, `nats`, `loss`, `perplexity`, `seconds`
of the forward passes and `tokens_per_s`. `--tokens` ends it after about so many.
"""

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402
from transformers.utils import logging  # noqa: E402


def documents(folder):
    """Token lists of the validation split, each with the token before it, where there is one."""
    index = json.loads((folder / "index.json").read_text())
    dtype = torch.uint16 if index["element_bytes"] == 2 else torch.int32
    shards = [folder / shard["file"] for shard in index["validation"]["shards"]]
    tokens = [torch.frombuffer(bytearray(shard.read_bytes()), dtype=dtype).to(torch.int64) for shard in shards]
    tokens = torch.cat(tokens)
    end = index["end_of_text"]
    if end is None:
        return [tokens]
    starts = [0] + (torch.nonzero(tokens == end).flatten() + 1).tolist() + [len(tokens)]
    spans = [tokens[a:b] for a, b in zip(starts, starts[1:], strict=False) if b > a and not (b == a + 1 and tokens[a] == end)]
    return [torch.cat([torch.tensor([end]), span]) for span in spans]


def windows(count, window, stride):
    """(begin, end, first token that is scored) of each."""
    found, start, scored = [], 0, 1
    while scored < count:
        end = min(start + window + 1, count)
        found.append((max(0, end - window - 1), end, scored))
        start, scored = start + stride, end
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--stride", type=int)
    parser.add_argument("--batch", type=int, default=2048)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--tokens", type=int)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32, local_files_only=True).eval()
    window = model.config.max_position_embeddings
    stride = arguments.stride or (window + 1) // 2
    jobs, total, read = [], 0, 0
    for document in documents(arguments.data):
        read += 1
        for begin, end, first in windows(len(document), window, stride):
            jobs.append((document[begin:end], first - begin))
            total += end - first
        if arguments.tokens and total >= arguments.tokens:
            break
    jobs.sort(key=lambda job: -len(job[0]))
    nats, at = 0.0, 0
    began = time.perf_counter()
    with torch.inference_mode():
        while at < len(jobs):
            longest = len(jobs[at][0])
            group = jobs[at : at + max(1, arguments.batch // longest)]
            at += len(group)
            tokens = torch.zeros(len(group), longest, dtype=torch.int64)
            targets = torch.full((len(group), longest - 1), -100)
            for row, (own, first) in enumerate(group):
                tokens[row, : len(own)] = own
                targets[row, first - 1 : len(own) - 1] = own[first:]
            logits = model(tokens[:, :-1]).logits
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
            nats += loss.item()
    seconds = time.perf_counter() - began
    print(
        json.dumps(
            {
                "documents": read,
                "tokens": total,
                "nats": nats,
                "loss": nats / total,
                "perplexity": math.exp(nats / total),
                "seconds": seconds,
                "tokens_per_s": total / seconds,
            }
        )
    )
    return None


if __name__ == "__main__":
    sys.exit(main())
