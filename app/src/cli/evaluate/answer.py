#!/usr/bin/env python3
"""Answers task rows with a model of Hugging Face transformers: a decoder such as GPT-2, or an encoder-decoder such as T5.

    python answer.py --model google/flan-t5-small [--rows qa.rows.jsonl ...] [--device cpu]

Written by `glasshouse evaluate --script`; needs torch and transformers. For each *.rows.jsonl beside it, a *.results.jsonl is written,
which `glasshouse evaluate --task qa.jsonl --with-results qa.results.jsonl` reads. Answers are greedy; choices are compared by the sum of the
log-probabilities of their tokens, behind the prompt and a space, tokenised as lm-eval does.
"""

import argparse
import json
import pathlib
import sys

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer


def load(name, device):
    config = AutoConfig.from_pretrained(name)
    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    model = kind.from_pretrained(name, dtype=torch.float32).to(device).eval()
    return model, AutoTokenizer.from_pretrained(name)


def context_of(model):
    """Tokens that a decoder sees at once; what has no such limit takes 2048."""
    for field in ("n_positions", "max_position_embeddings", "max_sequence_length", "seq_length"):
        length = getattr(model.config, field, None)
        if length:
            return length
    return 2048


def question(row, tokenizer):
    """The row's text, and whether a chat template wrote it."""
    if row.get("messages") and getattr(tokenizer, "chat_template", None):
        return tokenizer.apply_chat_template(row["messages"], tokenize=False, add_generation_prompt=True), True
    return row["prompt"], False


def first_token(tokenizer):
    return tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id


@torch.no_grad()
def answer(model, tokenizer, row):
    """The most likely tokens, one after the other."""
    text, chats = question(row, tokenizer)
    ids = tokenizer(text, add_special_tokens=not chats)["input_ids"]
    most = row["max_tokens"]
    if not model.config.is_encoder_decoder:
        # As much of the prompt's end as leaves room for an answer.
        context = context_of(model)
        room = context - min(most, context // 2)
        ids, most = ids[-room:] or [first_token(tokenizer)], min(most, context - min(len(ids), room))
    ids = torch.tensor([ids], device=model.device)
    settings = dict(max_new_tokens=most, do_sample=False, num_beams=1, attention_mask=torch.ones_like(ids))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    written = model.generate(ids, pad_token_id=pad, **settings)[0]
    if not model.config.is_encoder_decoder:
        written = written[ids.shape[1] :]
    said = tokenizer.decode(written, skip_special_tokens=True)
    if row["of_a_line"] and not chats:
        said = said.split("\n")[0]
    return said.strip()


def encoded(tokenizer, text, choice, chats):
    """Tokens of the text and of the choice behind it: spaces at the text's end are the choice's."""
    if not chats and not text[-1:].isspace() and not choice[:1].isspace():
        choice = " " + choice
    kept = text.rstrip()
    whole = tokenizer(text + choice, add_special_tokens=not chats)["input_ids"]
    given = tokenizer(kept, add_special_tokens=not chats)["input_ids"] if kept else []
    if not given:
        prefix = first_token(tokenizer)
        return ([prefix], whole) if prefix is not None and whole[:1] != [prefix] else (whole[:1], whole[1:])
    return given, whole[len(given) :]


@torch.no_grad()
def log_likelihood(model, tokenizer, row, choice):
    """Sum of the log-probabilities of a choice's tokens."""
    text, chats = question(row, tokenizer)
    if model.config.is_encoder_decoder:
        given = torch.tensor([tokenizer(text)["input_ids"]], device=model.device)
        labels = tokenizer(text_target=choice, add_special_tokens=False)["input_ids"]
        logits = model(input_ids=given, labels=torch.tensor([labels], device=model.device)).logits[0]
    else:
        given, labels = encoded(tokenizer, text, choice, chats)
        tokens = (given + labels)[-(context_of(model) + 1) :]
        labels = labels[-(len(tokens) - 1) :]
        logits = model(torch.tensor([tokens[:-1]], device=model.device)).logits[0, -len(labels) :]
    scores = logits.float().log_softmax(-1)
    return sum(scores[at, token].item() for at, token in enumerate(labels))


def main():
    parser = argparse.ArgumentParser(description="Answers task rows with a model of transformers.")
    parser.add_argument("--model", required=True, help="a name on the Hub, or a folder")
    parser.add_argument("--rows", nargs="*", help="files of rows [default: all next to this program]")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    here = pathlib.Path(__file__).resolve().parent
    files = [pathlib.Path(file) for file in arguments.rows] if arguments.rows else sorted(here.glob("*.rows.jsonl"))
    if not files:
        return f"{here} has no *.rows.jsonl"
    model, tokenizer = load(arguments.model, arguments.device)
    for file in files:
        results = file.with_name(file.name.replace(".rows.jsonl", "") + ".results.jsonl")
        # JSON may hold what else ends a line for `splitlines`.
        lines = [line for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
        with results.open("w", encoding="utf-8") as out:
            for at, line in enumerate(lines):
                row = json.loads(line)
                result = {"line": row["line"]}
                if row.get("choices"):
                    sums = [log_likelihood(model, tokenizer, row, choice) for choice in row["choices"]]
                    result["answer"] = row["choices"][sums.index(max(sums))]
                    result["log_likelihoods"] = sums
                else:
                    result["answer"] = answer(model, tokenizer, row)
                print(json.dumps(result, ensure_ascii=False), file=out)
                print(f"\r{file.name}: {at + 1} of {len(lines)}", end="", file=sys.stderr, flush=True)
        print(f"\n{results}", file=sys.stderr)
    return None


if __name__ == "__main__":
    sys.exit(main())
