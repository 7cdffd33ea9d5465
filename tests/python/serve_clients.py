#!/usr/bin/env python3
"""Asks `glasshouse serve` as the field's programs do, and compares with transformers on the exported model.

    python serve_clients.py BASE_URL DIR FOLDER CHAT_BASE_URL HELD_OUT_BASE_URL HELD_OUT_DIR

BASE_URL is the server's (it ends with /v1), DIR the model that it serves as `glasshouse export` wrote it, FOLDER an empty one for task
files but for `held_out.jsonl`, texts (`text`) that the model of HELD_OUT_BASE_URL and HELD_OUT_DIR is to predict; CHAT_BASE_URL is that of
a model with a chat template. Prints one JSON object with what the `openai` client read, and what lm-eval found through the server (`served`)
and by itself (`alone`): accuracies, perplexities and texts of the same tasks; `held_out` has bits per byte of those texts through the server,
and `chat` conversations.
"""

import json
import logging
import os
import sys
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import lm_eval  # noqa: E402
import openai  # noqa: E402
from lm_eval.tasks import TaskManager  # noqa: E402
from transformers import AutoConfig  # noqa: E402

SENTENCES = [
    ("The owl found", " a small lamp", " lamp small a"),
    ("One day the fox", " walked home", " home the the"),
    ("Mia was happy and", " she smiled", " smiled on of"),
    ("They sat by", " the river", " river by by"),
    ("In the evening", " it rained", " a a rained"),
    ("Tom asked the bird", " to sing", " sing to the to"),
]
COMMON = """
dataset_path: json
dataset_kwargs: {{ data_files: {{ test: {file} }} }}
test_split: test
"""
# Whole documents, each up to the token that ends it.
HELD_OUT = """
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{text}}"
metric_list: [{ metric: bits_per_byte }]
"""
TASKS = {
    "choices": """
output_type: multiple_choice
doc_to_text: "{{context}}"
doc_to_choice: "{{[right, wrong]}}"
doc_to_target: 0
target_delimiter: ""
metric_list: [{ metric: acc }, { metric: acc_norm }]
""",
    "rolling": """
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{context}}{{right}}"
metric_list: [{ metric: word_perplexity }, { metric: byte_perplexity }, { metric: bits_per_byte }]
""",
    "writing": """
output_type: generate_until
doc_to_text: "{{context}}"
doc_to_target: "{{right}}"
target_delimiter: ""
generation_kwargs: { max_gen_toks: 12, until: ["."], do_sample: false, temperature: 0 }
metric_list: [{ metric: exact_match }]
""",
}


def evaluate(folder, model, arguments, tasks=tuple(TASKS), **more):
    """Metrics of each task, and the first answers of the model to each document."""
    manager = TaskManager(include_path=str(folder), include_defaults=False)
    results = lm_eval.simple_evaluate(
        model=model,
        model_args=arguments,
        tasks=list(tasks),
        task_manager=manager,
        bootstrap_iters=0,
        device="cpu",
        **more,
    )
    found = {}
    for task, metrics in results["results"].items():
        found[task] = {name.split(",")[0]: value for name, value in metrics.items() if isinstance(value, float)}
    for task, samples in results["samples"].items():
        found[task]["answers"] = [sample["resps"] for sample in sorted(samples, key=lambda sample: sample["doc_id"])]
    return found


def ask(base_url):
    """What the openai client reads of each kind of answer."""
    client = openai.OpenAI(base_url=base_url, api_key="none", max_retries=0)
    model = client.models.list().data[0].id
    plain = client.completions.create(model=model, prompt="One day", max_tokens=12, temperature=0, logprobs=2)
    stream = client.completions.create(model=model, prompt="One day", max_tokens=12, temperature=0, stream=True)
    choice = plain.choices[0]
    found = {
        "model": client.models.retrieve(model).id,
        "text": choice.text,
        "streamed": "".join(piece.choices[0].text for piece in stream),
        "reason": choice.finish_reason,
        "tokens": len(choice.logprobs.tokens),
        "usage": plain.usage.completion_tokens,
        "errors": [],
    }
    for wrong in ({"model": "none"}, {"temperature": 7}, {"max_tokens": 100_000}):
        try:
            client.completions.create(**{"model": model, "prompt": "One", **wrong})
        except openai.APIStatusError as error:
            found["errors"].append([type(error).__name__, error.code])
    return found


def chat(folder, base_url):
    """What lm-eval has a model with a chat template answer through the server, and what the openai client reads of it."""
    client = openai.OpenAI(base_url=base_url, api_key="none", max_retries=0)
    name = client.models.list().data[0].id
    asked = {"model": name, "messages": [{"role": "user", "content": "One day"}], "temperature": 0, "max_tokens": 12}
    plain = client.chat.completions.create(**asked, logprobs=True, top_logprobs=2)
    pieces = list(client.chat.completions.create(**asked, stream=True))
    served = {"model": name, "base_url": f"{base_url}/chat/completions", "num_concurrent": 2}
    return {
        "text": plain.choices[0].message.content,
        "role": plain.choices[0].message.role,
        "tokens": len(plain.choices[0].logprobs.content),
        "usage": plain.usage.completion_tokens,
        "streamed": "".join(piece.choices[0].delta.content or "" for piece in pieces),
        "reason": pieces[-1].choices[0].finish_reason,
        "served": evaluate(folder, "local-chat-completions", served, ["writing"], apply_chat_template=True),
    }


def main(base_url, model, folder, chat_base_url, held_out_base_url, held_out_model):
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    folder = Path(folder)
    rows = [json.dumps(dict(zip(("context", "right", "wrong"), row))) for row in SENTENCES]
    (folder / "rows.jsonl").write_text("\n".join(rows) + "\n")
    files = {"held_out": ("held_out.jsonl", HELD_OUT)} | {task: ("rows.jsonl", text) for task, text in TASKS.items()}
    for task, (file, text) in files.items():
        (folder / f"{task}.yaml").write_text(f"task: {task}" + COMMON.format(file=folder / file) + text)
    context = AutoConfig.from_pretrained(model, local_files_only=True).max_position_embeddings
    served = {"model": ask(base_url)["model"], "base_url": f"{base_url}/completions", "tokenizer": model}
    served |= {"tokenizer_backend": "huggingface", "max_length": context}
    alone = {"pretrained": model, "dtype": "float32", "max_length": context}
    held_out = {"model": ask(held_out_base_url)["model"], "base_url": f"{held_out_base_url}/completions"}
    held_out |= {"tokenizer": held_out_model, "tokenizer_backend": "huggingface", "max_length": context}
    found = {
        "openai": ask(base_url),
        "served": evaluate(folder, "local-completions", served),
        "at_once": evaluate(folder, "local-completions", served | {"num_concurrent": 4}),
        "as_text": evaluate(folder, "local-completions", served | {"tokenized_requests": False}),
        "alone": evaluate(folder, "hf", alone),
        "held_out": evaluate(folder, "local-completions", held_out, ["held_out"])["held_out"]["bits_per_byte"],
        "chat": chat(folder, chat_base_url),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
