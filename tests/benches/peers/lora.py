#!/usr/bin/env python3
"""Compares a LoRA step of an imported model in Glasshouse and in PyTorch with PEFT: time and memory.

    tests/benches/peers/lora.py PROJECT RUN [--batch B] [--steps N] [--rounds R] [--json]

PROJECT has a RUN with an adapter of rank 8 on the linear layers of an imported model; its run.toml gives the shapes. Both train on random
tokens with AdamW, gradients clipped to a global norm of 1, float32; PyTorch has a warm-up of one step, Glasshouse that of `bench step`. Rounds
alternate, so that load affects both; memory is the maximum resident set of a separate process. Needs torch, transformers and peft
(tests/python/requirements.txt). `tune.py` compares complete runs.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from surroundings import glasshouse_binary

RANK = 8


def pytorch(folder, batch, context, steps):
    """Milliseconds of each step; prints them as JSON. Runs in a process of its own."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model = get_peft_model(base, LoraConfig(r=RANK, lora_alpha=RANK, target_modules="all-linear", task_type="CAUSAL_LM"))
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    tokens = torch.randint(0, base.config.vocab_size, (batch, context))
    milliseconds = []
    for _ in range(steps + 1):
        began = time.perf_counter()
        optimizer.zero_grad()
        model(input_ids=tokens, labels=tokens).loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        milliseconds.append(1e3 * (time.perf_counter() - began))
    json.dump({"milliseconds": milliseconds[1:], "parameters": sum(entry.numel() for entry in trained)}, sys.stdout)


def ours(settings, batch, steps):
    """`bench step`'s report, of one micro-batch as PyTorch's."""
    command = [glasshouse_binary(), "bench", "step", "--json", "--config", settings, "--batch-size", str(batch)]
    command += ["--set", "train.accumulate=1"]
    report, peak = measured([*command, "--device", "cpu", "--repeats", str(steps)])
    return json.loads(report), peak


def measured(command):
    """What a command prints, and the bytes of its largest resident set."""
    wrapper = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE, check=True)\n"
        "sys.stdout.buffer.write(done.stdout + b'\\n')\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)\n"
    )
    command = [sys.executable, "-c", wrapper, *map(str, command)]
    report, _, peak = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.rstrip().rpartition("\n")
    return report, int(peak)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", type=Path)
    parser.add_argument("run")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pytorch", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pytorch:
        folder, context = options.pytorch
        return pytorch(folder, options.batch, int(context), options.steps)
    [settings] = options.project.glob(f"runs/{options.run}-*/run.toml")
    run = tomllib.loads(settings.read_text())
    context, start = run["model"]["context_length"], run["start"]["run"]
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        export = [glasshouse_binary(), "export", "--project", options.project, "--run", start, "--to", base]
        subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
        theirs = [sys.executable, __file__, options.project, options.run, "--batch", str(options.batch)]
        theirs += ["--steps", str(options.steps), "--pytorch", base, context]
        rounds = []
        for _ in range(options.rounds):
            report, bytes_ours = ours(settings, options.batch, options.steps)
            told, bytes_theirs = measured(theirs)
            told = json.loads(told)
            rounds.append((report["ms_per_step"], statistics.median(told["milliseconds"]), bytes_ours, bytes_theirs))
    mine, other, bytes_ours, bytes_theirs = (list(column) for column in zip(*rounds))
    found = {
        "batch": options.batch,
        "context": context,
        "glasshouse_ms": statistics.median(mine),
        "pytorch_ms": statistics.median(other),
        "ratio": statistics.median(one / two for one, two in zip(mine, other)),
        "glasshouse_bytes": max(bytes_ours),
        "pytorch_bytes": max(bytes_theirs),
    }
    if options.json:
        return print(json.dumps(found))
    print(f"{found['batch']} rows of {context} tokens, {options.rounds} rounds of {options.steps} steps")
    print(f"glasshouse  {found['glasshouse_ms']:8.0f} ms  {found['glasshouse_bytes'] / 1e9:.2f} GB")
    print(f"pytorch     {found['pytorch_ms']:8.0f} ms  {found['pytorch_bytes'] / 1e9:.2f} GB")
    print(f"time of glasshouse / pytorch: {found['ratio']:.2f} (median of the rounds' ratios)")


if __name__ == "__main__":
    main()
