#!/usr/bin/env python3
"""Classifies texts with Hugging Face transformers, by an exported folder.

    python check_classifier.py DIR FILE.jsonl

Prints one JSON object a row of the file: the probability of each label of its `text`. Exits with 1 and one line when the folder cannot be
loaded or a weight is missing or unused.
"""

import json
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from transformers import AutoModelForSequenceClassification, AutoTokenizer  # noqa: E402
from transformers.utils import logging  # noqa: E402


def main(folder, rows):
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model, loading = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
    )
    strays = {what: sorted(loading[what]) for what in ("missing_keys", "unexpected_keys", "mismatched_keys") if loading[what]}
    if strays:
        return f"{folder}: {strays}"
    model.eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    with open(rows, encoding="utf-8") as file, torch.no_grad():
        for line in file:
            ids = tokenizer(json.loads(line)["text"], return_tensors="pt")["input_ids"]
            shares = model(ids).logits[0].softmax(-1).tolist()
            print(json.dumps({model.config.id2label[at]: share for at, share in enumerate(shares)}))
    return None


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
