#!/usr/bin/env python3
"""Writes a tiny random GPT-2 and a tiny random T5 with one tokenizer, as Hugging Face transformers saves them.

    python make_answerers.py DIR

Makes DIR/gpt2 and DIR/t5.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from make_families import byte_level  # noqa: E402
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration  # noqa: E402
from transformers.utils import logging  # noqa: E402


def main(folder):
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    tokenizer, special = byte_level()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<|endoftext|>", **special)
    gpt2 = GPT2Config(
        vocab_size=320, n_embd=32, n_layer=2, n_head=4, n_positions=64, initializer_range=0.3, bos_token_id=0, eos_token_id=0
    )
    t5 = T5Config(
        vocab_size=320, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, initializer_factor=4.0,
        decoder_start_token_id=0, pad_token_id=0, eos_token_id=0,
    )
    for name, kind, config in (("gpt2", GPT2LMHeadModel, gpt2), ("t5", T5ForConditionalGeneration, t5)):
        torch.manual_seed(7)
        kind(config).save_pretrained(Path(folder) / name)
        tokenizer.save_pretrained(Path(folder) / name)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
