#!/usr/bin/env python3
"""Loads an exported adapter with PEFT over an exported model and prints what both compute together.

    python check_peft.py MODEL ADAPTER ID...

Prints one JSON object: `logits` ([T][V], of all ids but the last), `merged_logits` (the same after PEFT's own merge), `loss` (the mean
cross-entropy of each next id), `gradients` (of every parameter of the adapter, flat, by its name in the adapter's file). Exits with 1 and
one line when a weight of the adapter is missing or unused.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from peft import PeftModel  # noqa: E402
from safetensors import safe_open  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402
from transformers.utils import logging  # noqa: E402

import calls  # noqa: E402


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("ids", nargs="+", type=int)
    arguments = parser.parse_args(arguments)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    base = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32, local_files_only=True)
    model = PeftModel.from_pretrained(base, arguments.adapter, is_trainable=True)
    model.eval()
    # In the file the adapter's own name is not among a parameter's, and magnitudes are no parameter of a module.
    trained = {
        name.replace(".default", "").replace("magnitude_vector.weight", "magnitude_vector"): it
        for name, it in model.named_parameters()
        if "lora_" in name
    }
    with safe_open(arguments.adapter / "adapter_model.safetensors", "pt") as file:
        stored = {name: file.get_tensor(name) for name in file.keys()}
    if stored.keys() != trained.keys():
        return f"{arguments.adapter}: not in both: {sorted(stored.keys() ^ trained.keys())}"
    for name, tensor in stored.items():
        if not torch.equal(tensor, trained[name].detach()):
            return f"{arguments.adapter}: {name} is not what PEFT has"
    ids = torch.tensor([arguments.ids])
    logits = model(ids[:, :-1]).logits[0]
    loss = torch.nn.functional.cross_entropy(logits, ids[0, 1:])
    loss.backward()
    gradients = {name: it.grad.flatten().tolist() for name, it in trained.items()}
    with torch.no_grad():
        merged = model.merge_and_unload()(ids[:, :-1]).logits[0]
    report = {
        "logits": logits.tolist(),
        "merged_logits": merged.tolist(),
        "loss": loss.item(),
        "gradients": gradients,
    }
    print(json.dumps(report))
    return None


if __name__ == "__main__":
    calls.each(main)
