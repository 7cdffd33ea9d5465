#!/usr/bin/env python3
"""Compares the speed of `glasshouse evaluate` with PyTorch for the same perplexity: the same tokens, windows, stride and threads.

    python evaluate.py PROJECT [--run RUN] [--threads N] [--rounds N] [--device cpu] [--python PYTHON]

Exports the run for transformers, then measures both on the validation split, alternating; the fastest round of each counts. The figure of
`evaluate` is `tokens_per_s` of its report, which includes losses, accuracies, ranks and confidences of all tokens; PyTorch computes only losses.
The program is GLASSHOUSE [default: `target/release/glasshouse`]. PYTHON needs torch and transformers (`tests/python/requirements-slow.txt`).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("GLASSHOUSE", str(REPOSITORY / "target/release/glasshouse"))


def output(command, **more):
    return subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True, **more).stdout


def ours(project, run, device, threads):
    """The likelihood of `evaluate`'s report, and its loss."""
    command = [PROGRAM, "evaluate", "--project", project, "--no-baselines", "--no-memorisation", "--resamples", 100,
               "--json"]
    command += ["--device", device, "--threads", threads, *(["--run", run] if run else [])]
    lines = [json.loads(line) for line in output(command).splitlines() if line.strip()]
    report = next(line for line in lines if line.get("likelihood"))
    likelihood = report["likelihood"]
    loss = next(metric["value"] for metric in likelihood["metrics"] if metric["name"] == "loss")
    return report["run"], likelihood, loss


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("--run")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--python", default=sys.executable)
    arguments = parser.parse_args()
    script = REPOSITORY / "tests/python/perplexity.py"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": str(arguments.threads)}
    best = {}
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model"
        for number in range(arguments.rounds):
            run, likelihood, loss = ours(arguments.project, arguments.run, arguments.device, arguments.threads)
            if number == 0:
                output([PROGRAM, "export", "--project", arguments.project, "--run", run, "--to", model])
                data = json.loads((arguments.project / "runs" / run / "run.json").read_text())["data"]
            command = [arguments.python, script, model, arguments.project / data, "--threads", arguments.threads]
            theirs = json.loads(output([*command, "--stride", likelihood["stride"]], env=environment))
            if theirs["tokens"] != likelihood["tokens"] or abs(theirs["loss"] / loss - 1) > 1e-4:
                sys.exit(f"not the same: {likelihood['tokens']} tokens, {loss}; PyTorch {theirs['tokens']}, {theirs['loss']}")
            for name, speed in [("glasshouse", likelihood["tokens_per_s"]), ("pytorch", theirs["tokens_per_s"])]:
                best[name] = max(best.get(name, 0), speed)
    ratio = best["pytorch"] / best["glasshouse"]
    print(json.dumps({"run": run, "tokens": theirs["tokens"], "loss": loss, **best, "ratio_of_times": ratio}))
    return None


if __name__ == "__main__":
    sys.exit(main())
