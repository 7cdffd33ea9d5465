#!/usr/bin/env python3
"""Checks that train.py continues the run as the program that wrote this bundle would have.

    ./verify                 the bundle beside this file
    ./verify --bundle DIR

First every file's checksum, then the order of batches, then the bundle's first steps on the CPU, without dropout: by one
process, by two with a whole model each (DDP) and by two that share one (FSDP2). Two processes are compared with one, and one with
what the bundle expects; parameters must really be sharded. Prints a table and a verdict, and exits with 1 where something disagrees.
"""

import argparse
import hashlib
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

# Largest relative differences: (loss, gradient norm, weights by norm), and (loss, gradient norm) of the first step. Rounding grows from
# there, most early in a run, where Adam divides by moments that are near 0: from step 11 of a first model on to 1e-6, 2e-4 and 1e-5. Another
# weight decay, beta2, eps or end of the schedule comes to 9e-4, 0.2 and 9e-3 there at least.
FIRST_STEP = (1e-5, 1e-4)
BETWEEN_PROCESSES = (1e-5, 1e-3, 1e-4)
WITH_EXPECTED = (1e-4, 1e-2, 1e-3)
CAUSES = {
    "loss of the first step": "other weights, other windows, another tokenizer's ids, or dropout",
    "gradient norm of the first step": "losses averaged differently over micro-batches or processes, label smoothing, or frozen weights",
    "later steps": "learning rate, schedule, moments and their step, beta1, beta2, eps, weight decay and what it touches, or clipping",
    "processes": "each process trained alone: start them with torchrun, and check whether a firewall or WORLD_SIZE separates them",
    "sharding": "layer_class in run.json is not the model's layer, or fully_shard was left out",
}


def fail(*lines):
    print(*lines, sep="\n")
    raise SystemExit(1)


def check_files(bundle):
    """Compares every file with its checksum in bundle.json."""
    try:
        files = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["files"]
    except (OSError, ValueError, KeyError) as error:
        fail(f"{bundle / 'bundle.json'}: {error!r}", "not a bundle")
    wrong = []
    for name, expected in files.items():
        path = bundle / name
        if not path.is_file():
            wrong.append(f"{name}: missing")
            continue
        with open(path, "rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                wrong.append(f"{name}: not the file that the bundle was written with")
    if wrong:
        fail(*wrong, "FAILED: the bundle was changed. Write it again, or restore its files.")
    print(f"files    {len(files)} checksums match")


def check_windows(bundle, expected):
    """Compares where windows begin."""
    try:
        import train
    except ModuleNotFoundError as error:
        fail(f"no Python package {error.name}: run pip install -r {bundle / 'requirements.txt'}")
    ours = train.Bundle(bundle)
    for step, starts in enumerate(expected["windows"], ours.run["step"]):
        if ours.training(step) != starts:
            fail(f"step {step + 1} begins its windows at {ours.training(step)[:4]}…, but {starts[:4]}… are expected",
                 "FAILED: the order of batches differs; likely: seed, batch_size, accumulate, context_length, the mixture or the tokens")
    print(f"windows  {len(expected['windows'])} steps match")


def run_steps(bundle, out, last, processes, arguments):
    """Trains by train.py and returns (steps, weights by name, who holds what)."""
    from train import read_json, read_tensors

    launcher = [sys.executable]
    if processes > 1:
        launcher += ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    command = [*launcher, bundle / "train.py", "--bundle", bundle, "--out", out, "--cpu", "--no-dropout", "--no-evaluation"]
    threads = str(max((os.cpu_count() or 1) // processes, 1))
    environment = {"OMP_NUM_THREADS": threads, **os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    out.mkdir()
    with open(out / "log", "w", encoding="utf-8") as log:
        code = subprocess.call(
            [*map(str, command), "--stop-after", str(last), *arguments], stdout=log, stderr=subprocess.STDOUT, env=environment
        )
    layout = out / "processes.json"
    layout = read_json(layout) if layout.exists() else None
    if layout and layout["processes"] != processes:
        fail(f"{processes} processes were started, but {layout['processes']} trained together", f"FAILED: {CAUSES['processes']}")
    checkpoint = out / f"checkpoint-{last}"
    if code or not layout or not (checkpoint / "state.json").exists():
        lines = (out / "log").read_text(encoding="utf-8", errors="replace").splitlines()
        # torchrun's own report of what its processes said comes after it.
        report = next((index for index, line in enumerate(lines) if re.match(r"[EW]\d{4} ", line)), len(lines))
        said = [line for line in lines[:report] or lines if not line.startswith("step ")]
        fail(*said[-12:], f"FAILED: train.py ended with {code} on {processes} processes; its last lines are above")
    events = [json.loads(line) for line in (out / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = [event for event in events if event["event"] == "step"]
    return steps, dict(read_tensors(checkpoint, "model")), layout


def check_sharded(layout):
    """Makes sure that no process holds all of the model."""
    held, entries = layout["held"], layout["entries"]
    print(f"sharded  {layout['sharded']} of {layout['parameters']} parameters; the processes hold {held} of {entries} weights")
    if layout["sharded"] != layout["parameters"] or sum(held) != entries or max(held) > 0.9 * entries:
        fail(f"FAILED: parameters are not sharded; likely: {CAUSES['sharding']}")


def relative(found, expected):
    # Numbers that are not finite are written as null.
    if found is None or expected is None:
        return math.inf
    return abs(found - expected) / max(abs(expected), 1e-12)


def compare(title, found, expected, limits):
    """Prints a row; returns what disagrees, and what that hints at."""
    steps, weights = found
    expected_steps, expected_weights = expected
    if [step["step"] for step in steps] != [step["step"] for step in expected_steps]:
        fail(f"{title}: steps {[step['step'] for step in steps]}", "FAILED: other steps than expected")
    norm = "grad_norm" if "grad_norm" in expected_steps[0] else "gradient_norm"
    losses = [relative(ours["loss"], theirs["loss"]) for ours, theirs in zip(steps, expected_steps)]
    norms = [relative(ours["grad_norm"], theirs[norm]) for ours, theirs in zip(steps, expected_steps)]
    if unknown := sorted(set(weights) - set(expected_weights)):
        fail(f"{title}: nothing is expected of {', '.join(unknown)}", "FAILED: other weights than expected")
    apart = {name: (weights[name].double() - expected_weights[name].double()).square().sum().item() for name in weights}
    whole = sum(expected_weights[name].double().square().sum().item() for name in weights)
    distance = math.sqrt(sum(apart.values()) / whole)
    figures = (max(losses), max(norms), distance)
    loss_differs, norm_differs = (
        first > min(limit, limit_of_first)
        for first, limit, limit_of_first in zip((losses[0], norms[0]), limits, FIRST_STEP)
    )
    within = all(figure <= limit for figure, limit in zip(figures, limits))
    verdict = "agrees" if within and not loss_differs and not norm_differs else "DIFFERS"
    print(f"{title:34}", *(f"{figure:9.1e} ≤ {limit:.0e}" for figure, limit in zip(figures, limits)), verdict, sep="   ")
    if verdict == "agrees":
        return []
    if loss_differs:
        hint = "loss of the first step"
    elif norm_differs:
        hint = "gradient norm of the first step"
    else:
        hint = "later steps"
    farthest = max(apart, key=apart.get)
    return [f"{title}: {hint} differ{'' if hint == 'later steps' else 's'}; likely: {CAUSES[hint]} (farthest weights: {farthest})"]


def main():
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=here, help="the bundle's folder (this file's)")
    bundle = parser.parse_args().bundle.resolve()
    check_files(bundle)
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(bundle))
    expected = json.loads((bundle / "expected.json").read_text(encoding="utf-8"))
    check_windows(bundle, expected)
    from train import read_tensors

    last = expected["steps"][-1]["step"]
    theirs = expected["steps"], dict(read_tensors(bundle, "expected"))
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        print(f"steps    {expected['steps'][0]['step']} to {last}, on the CPU; largest relative differences")
        print(f"{'':34}   {'loss':>17}   {'gradient norm':>17}   {'weights by norm':>17}")
        steps, weights, _ = run_steps(bundle, Path(folder) / "one", last, 1, [])
        problems += compare("one process / this bundle", (steps, weights), theirs, WITH_EXPECTED)
        for title, arguments in [("DDP", []), ("FSDP2", ["--shard"])]:
            *found, layout = run_steps(bundle, Path(folder) / title, last, 2, arguments)
            problems += compare(f"two processes ({title}) / one", found, (steps, weights), BETWEEN_PROCESSES)
        check_sharded(layout)
    if problems:
        fail(*problems, "FAILED: this machine does not continue the run as expected.")
    print("PASSED: one process continues the run as expected, and two as one.")


if __name__ == "__main__":
    main()
