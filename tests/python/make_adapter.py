#!/usr/bin/env python3
"""Writes an adapter for an exported Llama with PEFT, its matrices drawn from a seed, and prints what both compute together.

    python make_adapter.py MODEL ADAPTER ID...

It adapts some modules, is scaled by alpha / sqrt(r), and has a rank and an alpha of its own for some of them. Prints one JSON object:
`logits` ([T][V]), and the most that any of them `changed` by the adapter.
"""

import argparse
import json
import os
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402
from transformers.utils import logging  # noqa: E402

import calls  # noqa: E402


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("adapter", type=Path)
    parser.add_argument("ids", nargs="+", type=int)
    parser.add_argument("--head", action="store_true", help="adapt the head, too")
    parser.add_argument("--dora", action="store_true", help="with magnitudes, other than the norms that they begin as")
    arguments = parser.parse_args(arguments)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.manual_seed(7)
    base = AutoModelForCausalLM.from_pretrained(arguments.model, dtype=torch.float32, local_files_only=True)
    config = LoraConfig(
        r=4,
        lora_alpha=16,
        use_rslora=True,
        use_dora=arguments.dora,
        target_modules=["q_proj", "v_proj", "down_proj"] + (["lm_head"] if arguments.head else []),
        rank_pattern={"down_proj": 2},
        alpha_pattern={"v_proj": 40, "layers.1.mlp.down_proj": 3},
        # B is drawn, too: an adapter that was trained.
        init_lora_weights=False,
        task_type="CAUSAL_LM",
    )
    model = get_peft_model(base, config)
    for name, parameter in model.named_parameters():
        if "magnitude" in name:
            parameter.data *= torch.empty_like(parameter).uniform_(0.5, 1.5)
    model.eval()
    model.save_pretrained(arguments.adapter)
    with torch.no_grad():
        logits = model(torch.tensor([arguments.ids])).logits[0]
        with model.disable_adapter():
            without = model(torch.tensor([arguments.ids])).logits[0]
    print(json.dumps({"logits": logits.tolist(), "changed": (logits - without).abs().max().item()}))
    return None


if __name__ == "__main__":
    calls.each(main)
