#!/usr/bin/env python3
"""Compares LoRA fine-tuning of an imported model in Glasshouse and in PyTorch with PEFT: time, memory and losses.

    tests/benches/peers/tune.py text|chat --model MODEL --data FILE --project DIR [--steps N] [--turns N] [--json]

MODEL is a Hugging Face folder or a GGUF file, FILE a text or conversations (`glasshouse corpus tasks`), and DIR a project, created from MODEL if
missing; further runs are added to it. All linear layers have adapters of rank 8. Both sides start from the same weights of model and adapter, use
the same batches (written by `tests/examples/batches.rs`), and take the same steps: AdamW, learning rates, decay, clipping and threads are the
run's, in float32. On both sides, examples that share a row do not attend to each other, and only answers are trained. The one difference: our A is
shared by queries, keys and values, and by gate and up, whereas PEFT has a separate one for each.

The two alternate after some steps, so that load affects both. Times include only the steps. Memory is the maximum resident set of a separate
process, including evaluations. Needs torch, transformers and peft (tests/python/requirements.txt), and
`cargo build --release --workspace --examples`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from lora import RANK, measured
from surroundings import Unavailable, glasshouse_binary

IGNORED = -1


def glasshouse(*arguments):
    subprocess.run([glasshouse_binary(), *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


def newest(project):
    """The folder of the project's last run."""
    return max((project / "runs").glob("[0-9]*"), key=lambda folder: int(folder.name.split("-")[0]))


def settings(options):
    """Arguments of a run that begins with the imported model, the project's first."""
    named = ["--objective", options.objective, "--adapter", "lora", "--batch-size", options.batch, "--steps", options.steps]
    fields = {
        "adapter.rank": RANK,
        "adapter.alpha": RANK,
        "model.context_length": options.context,
        "data.validation": 0.1,
        "train.accumulate": 1,
        "train.warmup_steps": options.steps // 10,
        "train.eval_batches": options.evaluated,
        "train.checkpoint_interval": options.steps,
        "train.checkpoint_seconds": 0,
        "train.sample_interval": 0,
    }
    named += [part for name, value in fields.items() for part in ("--set", f"{name}={value}")]
    place = ["--project", options.project, "--from", 1, "--data", options.data, "--device", "cpu", "--threads", options.threads]
    return [*place, *named]


def begin(options):
    """Exports what both sides begin with: the imported model, and the adapter as a run of the same seed has it at first."""
    base, adapter = options.project / "base", options.project / f"begun-{options.objective}"
    if not options.project.exists():
        glasshouse("import", options.model, "--project", options.project)
    if not base.exists():
        glasshouse("export", "--project", options.project, "--run", 1, "--to", base)
    if not adapter.exists():
        # A step that changes next to nothing.
        still = ["--lr", 1e-12, "--set", "train.weight_decay=0", "--set", "train.eval_interval=0", "--stop-after", 1]
        glasshouse("train", *settings(options), *still)
        run = newest(options.project).name
        glasshouse("export", "--project", options.project, "--run", run, "--checkpoint", "latest", "--format", "peft", "--to", adapter)
    return base, adapter


def ours(options, run, until):
    """Trains up to a step, from the beginning or where the run stopped. Returns the run's folder, its events so far, and the peak of memory."""
    if run is None:
        begun = [*settings(options), "--lr", options.lr, "--set", f"train.eval_interval={options.steps}"]
    else:
        begun = ["--resume", "--project", options.project, "--run", run.name, "--device", "cpu", "--threads", options.threads]
    stop = ["--stop-after", until] if until < options.steps else []
    _, peak = measured([glasshouse_binary(), "train", *begun, *stop, "--json"])
    if run is None:
        run = newest(options.project)
        batches = glasshouse_binary().parent / "examples/batches"
        if not batches.exists():
            raise Unavailable(f"{batches} is missing; cargo build --release --workspace --examples")
        subprocess.run([batches, options.project, run.name, run / "batches.safetensors"], check=True)
    return run, events_of(run), peak


def events_of(run):
    events, clock = (
        [json.loads(line) for line in (run / name).read_text().splitlines()] for name in ("metrics.jsonl", "clock.jsonl")
    )
    # Each from its step on.
    speeds = [line for line in clock if "event" not in line]
    for event in events:
        if event["event"] == "step":
            event["tokens_per_s"] = [line for line in speeds if line["step"] <= event["step"]][-1]["tokens_per_s"]
    return events


def in_turns(base, adapter, options):
    """A run on both sides, some steps at a time, so that what else the machine does meets both."""
    run, other, peaks = None, {}, []
    for turn in range(1, options.turns + 1):
        run, events, peak = ours(options, run, options.steps * turn // options.turns)
        told, peak_theirs = measured([sys.executable, __file__, "--pytorch", base, adapter, run, "--threads", options.threads])
        other = json.loads(told)
        peaks.append((peak, peak_theirs))
    steps, evaluations = ([event for event in events if event["event"] == kind] for kind in ("step", "eval"))
    tokens = options.batch * options.context
    mine = {
        "milliseconds": [1e3 * tokens / step["tokens_per_s"] for step in steps],
        "losses": [step["loss"] for step in steps],
        "held_out": [evaluations[0]["val_loss"], evaluations[-1]["val_loss"]],
    }
    for found, bytes_of in zip((mine, other), zip(*peaks)):
        found["bytes"] = max(bytes_of)
    return run, mine, other


def pytorch(base, adapter, run, threads):
    """Takes the steps that the run has done, after those of an earlier turn; prints all as JSON. Runs in a process of its own."""
    import torch
    from peft import PeftModel
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(threads)
    train = tomllib.loads((run / "run.toml").read_text())["train"]
    rates = [event["lr"] for event in events_of(run) if event["event"] == "step"]
    batches = load_file(run / "batches.safetensors")
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = PeftModel.from_pretrained(model, adapter, is_trainable=True)
    model.config.use_cache = False
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(
        trained, lr=rates[0], betas=(train["beta1"], train["beta2"]), eps=train["eps"], weight_decay=train["weight_decay"]
    )
    places = torch.arange(batches["tokens"].shape[-1])

    def loss(prefix, at, reduction="mean"):
        tokens, targets = (batches[prefix + name][at].long() for name in ("tokens", "targets"))
        mask = None
        if prefix + "starts" in batches:
            # A token sees those before it, from where its example starts.
            starts = batches[prefix + "starts"][at]
            mask = ((places <= places[:, None]) & (places >= starts[:, :, None]))[:, None]
        logits = model(input_ids=tokens, attention_mask=mask).logits
        return torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction=reduction
        )

    def held_out():
        targets = batches["validation.targets"]
        model.eval()
        with torch.no_grad():
            total = sum(loss("validation.", at, "sum").item() for at in range(len(targets)))
        return total / (targets != IGNORED).sum().item()

    kept = run / "pytorch.pt"
    if kept.exists():
        state = torch.load(kept)
        found = state["found"]
        optimizer.load_state_dict(state["optimizer"])
        with torch.no_grad():
            for parameter, values in zip(trained, state["trained"]):
                parameter.copy_(values)
    else:
        found = {"milliseconds": [], "losses": [], "held_out": [held_out()]}
    model.train()
    for at, rate in list(enumerate(rates))[len(found["losses"]) :]:
        began = time.perf_counter()
        optimizer.param_groups[0]["lr"] = rate
        optimizer.zero_grad()
        value = loss("", at)
        value.backward()
        torch.nn.utils.clip_grad_norm_(trained, train["gradient_clipping"])
        optimizer.step()
        found["losses"].append(value.item())
        found["milliseconds"].append(1e3 * (time.perf_counter() - began))
    torch.save({"found": found, "optimizer": optimizer.state_dict(), "trained": trained}, kept)
    if len(rates) == train["steps"]:
        found["held_out"].append(held_out())
    tokens, targets = batches["tokens"], batches["targets"]
    print(json.dumps(found | {"tokens": tokens.numel(), "learned": (targets != IGNORED).sum().item()}))


def show(name, found):
    total, median = sum(found["milliseconds"]) / 1e3, statistics.median(found["milliseconds"])
    before, after = found["held_out"]
    times = f"{total:7.1f} s of training  {median:6.0f} ms per step (median)  {found['bytes'] / 1e9:.2f} GB"
    print(f"{name:10} {times}  held-out loss {before:.5f} → {after:.5f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("objective", nargs="?", choices=["text", "chat"])
    for name in ("model", "data", "project"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--context", type=int, default=256)
    parser.add_argument("--evaluated", type=int, default=10, help="batches of an evaluation at most")
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--turns", type=int, default=6, help="how often the two take turns")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--pytorch", nargs=3, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.turns = min(options.turns, options.steps)
    if options.pytorch:
        return pytorch(*options.pytorch, options.threads)
    if not (options.objective and options.model and options.data and options.project):
        parser.error("an objective, --model, --data and --project are needed")
    run, mine, other = in_turns(*begin(options), options)
    pairs = list(zip(mine["milliseconds"], other["milliseconds"]))
    edges = [options.steps * turn // options.turns for turn in range(options.turns + 1)]
    turns = [[sum(side) for side in zip(*pairs[begin:end])] for begin, end in zip(edges, edges[1:])]
    apart = [abs(one - two) / two for one, two in zip(mine["losses"], other["losses"])]
    report = {
        "run": run.name,
        "glasshouse": mine,
        "pytorch": other,
        "ratio": sum(mine["milliseconds"]) / sum(other["milliseconds"]),
        "turns": [one / two for one, two in turns],
        "first_loss_apart": apart[0],
        "most_apart": max(apart),
    }
    if options.json:
        return print(json.dumps(report))
    print(f"{run.name}: {options.steps} steps of {options.batch} rows of {options.context}: {other['tokens']} tokens, {other['learned']} learned")
    show("glasshouse", mine)
    show("pytorch", other)
    spread = ", ".join(f"{ratio:.2f}" for ratio in report["turns"])
    print(f"time of glasshouse / pytorch: {report['ratio']:.2f} (turns: {spread})")
    print(f"losses of steps apart by {apart[0]:.1e} at the first, by {max(apart):.1e} at most")


if __name__ == "__main__":
    main()
