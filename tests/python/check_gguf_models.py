#!/usr/bin/env python3
"""Loads GGUF files with Hugging Face transformers and prints what the models there compute.

    python check_gguf_models.py FILE...

Prints a JSON list with an object for each file: `ids` (20 tokens) and `logits` ([T][V], float32).
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402
from transformers.utils import logging  # noqa: E402


def main():
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    said = []
    for file in map(Path, sys.argv[1:]):
        model = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32).eval()
        torch.manual_seed(len(said))
        ids = torch.randint(0, model.config.vocab_size, (1, 20))
        with torch.no_grad():
            logits = model(ids).logits[0]
        said.append({"ids": ids[0].tolist(), "logits": logits.tolist()})
    print(json.dumps(said))


if __name__ == "__main__":
    sys.exit(main())
