#!/usr/bin/env python3
"""Loads an exported folder with Hugging Face transformers and prints what the model there computes.

    python check_export.py DIR ID... [--max-tokens N]
    python check_export.py DIR --prompt TEXT [--max-tokens N]

Prints one JSON object: `class` (the model's), `parameters`, `ids` (the prompt's), `logits` ([T][V], one row a prompt token, float32),
`greedy` (the ids that follow, by transformers' own generate, which ends at the end-of-text token), `text` (their decoded text, null without a tokenizer),
`decoded` (the prompt's ids decoded). Exits with 1 and one line when the folder cannot be loaded or a weight is missing or unused.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402
from transformers.utils import logging  # noqa: E402

import calls  # noqa: E402


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("ids", nargs="*", type=int, help="the prompt as token ids")
    parser.add_argument("--prompt", help="the prompt as text, in place of ids")
    parser.add_argument("--max-tokens", type=int, default=24, help="tokens to continue by (24)")
    arguments = parser.parse_args(arguments)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model, loading = AutoModelForCausalLM.from_pretrained(
            arguments.folder, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError) as error:
        return f"{arguments.folder}: {' '.join(str(error).split())}"
    model.eval()
    problems = {
        kind: sorted(map(str, loading[kind]))
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")
        if loading.get(kind)
    }
    if problems:
        return f"{arguments.folder}: weights do not fit {type(model).__name__}: {json.dumps(problems)}"
    tokenizer = None
    if (arguments.folder / "tokenizer.json").exists():
        tokenizer = AutoTokenizer.from_pretrained(arguments.folder, local_files_only=True)
    ids = arguments.ids
    if arguments.prompt is not None:
        if tokenizer is None:
            return f"{arguments.folder}: no tokenizer.json for --prompt"
        ids = tokenizer(arguments.prompt)["input_ids"]
    if not ids:
        return "give token ids or --prompt"
    prompt = torch.tensor([ids])
    with torch.no_grad():
        logits = model(prompt).logits[0]
        generated = model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            do_sample=False,
            max_new_tokens=arguments.max_tokens,
            pad_token_id=model.generation_config.eos_token_id,
        )
    greedy = generated[0, len(ids) :].tolist()
    print(
        json.dumps(
            {
                "class": type(model).__name__,
                "parameters": sum(parameter.numel() for parameter in model.parameters()),
                "ids": ids,
                "logits": logits.tolist(),
                "greedy": greedy,
                "text": tokenizer.decode(greedy) if tokenizer else None,
                "decoded": tokenizer.decode(ids) if tokenizer else None,
            }
        )
    )
    return None


if __name__ == "__main__":
    calls.each(main)
