#!/usr/bin/env python3
"""Measures the cost of the guard: ratios of the times of the same run without and with it, alternating.

    python guard.py [--preset nanogpt-cpu] [--steps N] [--rounds N] [--device cpu] [--threads N] [--interval N] [--set KEY=VALUE …]

Both train the same steps on the same text, without evaluations, samples or intermediate saves. A round is one run of each, in alternating order.
The time is `seconds` of `run.json`, without preparation of text and device. Their losses must be equal to the bit. `--interval` is
`train.guard.activation_interval`; with --act the guard also keeps states to go back to, every `--checkpoints` steps, which the run without it
saves as well. On a busy machine, times vary by more than the cost of the guard; the ratio of CPU times (user and system, of the whole program,
only on Unix) varies less, especially with `--threads 1`. The program is GLASSHOUSE [default: `target/release/glasshouse`]. The limit is 1.01.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("GLASSHOUSE", str(REPOSITORY / "target/release/glasshouse"))


def cpu_seconds():
    """CPU seconds of child processes."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def trained(project, mode, arguments):
    """Seconds of a new run, its seconds of CPU time, and the losses of its steps."""
    settings = {
        "train.eval_interval": 0,
        "train.sample_interval": 0,
        "train.checkpoint_seconds": 0,
        "train.checkpoint_interval": arguments.checkpoints,
        "train.milestones": "off",
        "train.guard.activation_interval": arguments.interval,
    }
    command = [PROGRAM, "train", "--project", project, "--preset", arguments.preset, "--guard", mode, "--json"]
    command += ["--steps", arguments.steps, "--device", arguments.device, "--no-autotune"]
    command += ["--threads", arguments.threads] if arguments.threads else []
    for setting in [f"{key}={value}" for key, value in settings.items()] + arguments.set:
        command += ["--set", setting]
    before = cpu_seconds()
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    used = cpu_seconds() - before
    runs = [folder for folder in (project / "runs").iterdir() if folder.is_dir()]
    run = max(runs, key=lambda folder: int(folder.name.split("-")[0]))
    events = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [event["loss"] for event in events if event["event"] == "step"]
    return json.loads((run / "run.json").read_text())["seconds"], used, losses


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="nanogpt-cpu")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--interval", type=int, default=100)
    parser.add_argument("--act", action="store_true")
    parser.add_argument("--checkpoints", type=int, default=0)
    parser.add_argument("--set", action="append", default=[])
    arguments = parser.parse_args()
    on = "act" if arguments.act else "note"
    ratios, used, seconds = [], [], {"off": [], on: []}
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        # The first run prepares the text and does not count.
        trained(project, "off", arguments)
        for number in range(arguments.rounds):
            modes = ["off", on] if number % 2 == 0 else [on, "off"]
            done = {mode: trained(project, mode, arguments) for mode in modes}
            if done["off"][2] != done[on][2]:
                sys.exit("the losses are not the same: the guard acted, or changed a number")
            for mode in modes:
                seconds[mode].append(done[mode][0])
            ratios.append(done[on][0] / done["off"][0])
            used.append(done[on][1] / done["off"][1])
    quarters = [statistics.quantiles(all_of_them, n=4) if len(all_of_them) > 1 else all_of_them * 3 for all_of_them in (ratios, used)]
    medians = {mode: statistics.median(all_of_them) for mode, all_of_them in seconds.items()}
    answer = {"preset": arguments.preset, "device": arguments.device, "steps": arguments.steps, "interval": arguments.interval}
    answer |= {"threads": arguments.threads, "rounds": arguments.rounds, "seconds": medians}
    print(json.dumps({**answer, "ratio": statistics.median(ratios), "quarters": quarters[0]}))
    print(json.dumps({"processor_ratio": statistics.median(used), "quarters": quarters[1]}))


if __name__ == "__main__":
    sys.exit(main())
