#!/usr/bin/env python3
"""Repeats a published run over `glasshouse data fetch`, `train` and `evaluate`, and compares the result with the published figure.

  reproduce.py NAME [--weights DIR|URL] [TRAIN OPTIONS]

NAME              published run                                                        figure
nanogpt-cpu       karpathy/nanoGPT, README, "I only have a macbook"                    validation loss 1.88
nanogpt-gpu       karpathy/nanoGPT, README, "I have a GPU"                             best validation loss 1.4697
verdict           Raschka 2024, "Build a large language model (from scratch)", ch. 5   training loss 0.569, the text memorised
spam              chapter 6, from GPT-2                                                test accuracy 0.9567
sft               chapter 7, from GPT-2 medium                                         validation loss 0.657
dpo               chapter 7, preference tuning, from the result of sft                 validation loss 0.610

--weights is a folder or URL of GPT-2's weights for spam and sft [default for dpo: the latest run of sft]. Any further option goes to `train` and makes
it another run, whose figure is printed all the same. GLASSHOUSE names the program [default: glasshouse]. Runs go to the project `reproduce`.
"""

import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path

PROJECT = Path("reproduce")
# The book's exercises: PyTorch's AdamW at a constant rate without clipping, and no samples, since rows have no prompts.
BOOK = {
    "train.decay": "constant",
    "train.warmup_steps": 0,
    "train.min_learning_rate": 0,
    "train.beta1": 0.9,
    "train.beta2": 0.999,
    "train.eps": 1e-8,
    "train.gradient_clipping": 0,
    "train.accumulate": 1,
    "train.sample_interval": 0,
    "model.dropout": "{embedding=0.0, attention=0.0, residual=0.0}",
}


def glasshouse(*arguments):
    command = [os.environ.get("GLASSHOUSE", "glasshouse"), *map(str, arguments), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return [json.loads(line) for line in done.stdout.splitlines()]


def fetched(name):
    return Path(glasshouse("data", "fetch", name)[-1]["path"])


def trained(data, *options):
    project = ("--project", PROJECT, "--device", "auto", "--no-autotune")
    lines = glasshouse("train", *project, "--data", data, *options)
    return lines, [line for line in lines if line["event"] == "done"][-1]


def book(data, steps, rate, batch, settings, *options):
    settings = BOOK | {"train.checkpoint_interval": steps // 2} | settings
    sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
    fixed = ("--seed", 123, "--steps", steps, "--lr", rate, "--batch-size", batch, "--eval", "full")
    return trained(data, *fixed, *sets, *options)


def rows(name, lines):
    """Writes JSON Lines into the project."""
    file = PROJECT / "data" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


def messages():
    """As many messages of each kind, shuffled: seven tenths for training, one held out, two for testing."""
    table = [line.split("\t", 1) for line in fetched("sms-spam").read_text().splitlines() if line.strip()]
    draw = random.Random(123)
    kinds = [[text for label, text in table if label == kind] for kind in ("ham", "spam")]
    count = min(map(len, kinds))
    chosen = [{"text": text, "label": label} for label, texts in zip(("ham", "spam"), kinds) for text in draw.sample(texts, count)]
    draw.shuffle(chosen)
    cut = len(chosen) * 8 // 10
    return rows("spam.jsonl", chosen[:cut]), rows("spam-test.jsonl", chosen[cut:])


def instructions(name, row):
    """Without the book's test rows: of twenty parts, in the file's order, the eighteenth and nineteenth."""
    found = json.loads(fetched(name).read_text())
    first = len(found) * 85 // 100
    del found[first : first + len(found) // 10]
    return rows(f"{name}.jsonl", map(row, found))


def prompt(row):
    given = f"\n\n### Input:\n{row['input']}" if row.get("input") else ""
    return (
        "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
        f"### Instruction:\n{row['instruction']}{given}\n\n### Response:\n"
    )


def nanogpt(name, published, best, options):
    _, done = trained(fetched("tiny-shakespeare"), "--preset", name, *options)
    return published, done["best_val_loss" if best else "val_loss"], lambda ours: ours <= published


def verdict(options):
    settings = {
        "model.context_length": 256,
        "model.tied_head": "false",
        "model.bias.qkv": "false",
        "model.dropout": "{embedding=0.1, attention=0.1, residual=0.1}",
        "train.weight_decay": 0.1,
        "train.eval_interval": 5,
        "data.validation": 0.1,
    }
    # The vocabulary is trained on the story, but the book uses GPT-2's: only "memorised" is comparable.
    lines, _ = book(fetched("the-verdict"), 90, 4e-4, 2, settings, "--preset", "gpt2-124m", "--vocabulary", 1024, *options)
    evaluations = [line for line in lines if line["event"] == "eval"]
    rose = evaluations[-1]["val_loss"] > min(line["val_loss"] for line in evaluations)
    return 0.569, evaluations[-1]["train_loss"], lambda ours: ours < 1 and rose


def spam(options):
    train, test = messages()
    # The longest message that the book trains on has 120 tokens.
    settings = {"model.context_length": 128, "train.trainable": "last:1", "train.weight_decay": 0.1, "train.eval_interval": 50, "data.validation": 0.125}
    book(train, 650, 5e-5, 8, settings, "--objective", "classify", *options)
    found = glasshouse("evaluate", "classify", "--project", PROJECT, "--checkpoint", "latest", "--file", test)[-1]
    # Two standard errors of a proportion over that many messages.
    spread = 2 * math.sqrt(0.9567 * (1 - 0.9567) / found["rows"])
    return 0.9567, found["acc"], lambda ours: ours >= 0.9567 - spread


def tuned(published, data, steps, rate, settings, options):
    settings = {"train.eval_interval": 29, "data.validation": 0.0556} | settings
    _, done = book(data, steps, rate, 8, settings, *options)
    return published, done["val_loss"], lambda ours: ours <= published


def sft(options):
    data = instructions("book-instructions", lambda row: {"text": prompt(row) + row["output"]})
    settings = {"model.context_length": 256, "train.weight_decay": 0.1}
    # The 55 held-out rows are drawn at random here, and the book's are the last ones.
    return tuned(0.657, data, 232, 5e-5, settings, ["--objective", "chat", *options])


def dpo(options):
    data = instructions("book-preferences", lambda row: {"prompt": prompt(row), "chosen": row["chosen"], "rejected": row["rejected"]})
    # Log-probabilities of an answer's tokens are summed, as in the paper (arXiv 2305.18290); the book takes their mean.
    settings = {"train.preference.loss": "sigmoid", "train.preference.beta": 0.1, "train.weight_decay": 0.01}
    return tuned(0.610, data, 116, 5e-6, settings, ["--objective", "preference", *options])


RUNS = {
    "nanogpt-cpu": lambda options: nanogpt("nanogpt-cpu", 1.88, False, options),
    "nanogpt-gpu": lambda options: nanogpt("nanogpt-gpu", 1.4697, True, options),
    "verdict": verdict,
    "spam": spam,
    "sft": sft,
    "dpo": dpo,
}

name, *options = sys.argv[1:] or [""]
if name not in RUNS:
    sys.exit(__doc__)
if "--weights" in options:
    options[options.index("--weights")] = "--from"
elif name in ("spam", "sft"):
    sys.exit(f"{name} starts from GPT-2: name a folder or URL of its weights with --weights, such as huggingface.co/openai-community/gpt2")
elif name == "dpo":
    tuned_runs = [folder for folder in (PROJECT / "runs").glob("[0-9]*") if "chat" in (folder / "run.toml").read_text()]
    if not tuned_runs:
        sys.exit("dpo starts from the result of sft; run that first, or name other weights with --weights")
    options += ["--from", max(tuned_runs, key=lambda folder: int(folder.name.split("-")[0])).name]
published, ours, holds = RUNS[name](options)
print(f"{name}: published {published}, ours {ours:.4f}: {'reproduced' if holds(ours) else 'not reproduced'}")
sys.exit(not holds(ours))
