#!/usr/bin/env python3
"""A race for the lowest held-out bits per byte in a given time, over `glasshouse train --minutes` and `glasshouse evaluate --json`.

  race.py run N TEXT OUT.json [TRAIN OPTIONS]   trains for N minutes, evaluates the last weights, writes result and settings
  race.py verify FILE.json TEXT                 trains the recorded steps with the recorded settings and compares
  race.py table FILE.json …                     the results, best first

GLASSHOUSE names the program [default: glasshouse]. Runs go to the project `race`. The same program on the same device repeats every bit; other devices
and builds round differently: a loss may then differ by 1 %.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path("race")
TOLERANCE = 0.01


def glasshouse(*arguments):
    command = [os.environ.get("GLASSHOUSE", "glasshouse"), *arguments, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return [json.loads(line) for line in done.stdout.splitlines()]


def sha256(text):
    return hashlib.sha256(Path(text).read_bytes()).hexdigest()


def raced(text, *options):
    end = [line for line in glasshouse("train", "--project", str(PROJECT), "--data", text, *options) if line["event"] == "done"][-1]
    found = glasshouse("evaluate", "--project", str(PROJECT), "--checkpoint", "latest")
    evaluation = next(line for line in found if line["event"] == "evaluation")
    bits = next(metric for metric in evaluation["likelihood"]["metrics"] if metric["name"] == "bits_per_byte")
    runs = (PROJECT / "runs").glob("[0-9]*")
    run = max(runs, key=lambda folder: int(folder.name.split("-")[0]))
    return {
        "bits_per_byte": bits["value"],
        "interval": bits["interval"],
        "steps": end["step"],
        "seconds": end["seconds"],
        "weights_crc32c": evaluation["weights_crc32c"],
        "sha256": sha256(text),
        "settings": (run / "run.toml").read_text(),
    }


def verify(file, text):
    race = json.loads(Path(file).read_text())
    if sha256(text) != race["sha256"]:
        sys.exit(f"{text} is not the text of this race (SHA-256 {race['sha256']})")
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as settings:
        settings.write(race["settings"])
        settings.flush()
        again = raced(text, "--config", settings.name, "--stop-after", str(race["steps"]))
    exact = again["weights_crc32c"] == race["weights_crc32c"]
    near = abs(again["bits_per_byte"] / race["bits_per_byte"] - 1) <= TOLERANCE
    print(f"{again['bits_per_byte']:.6f} bits per byte, {'the same weights' if exact else 'other weights'}")
    sys.exit(not (exact or near))


match sys.argv[1:]:
    case ["run", minutes, text, out, *options]:
        if Path(out).exists():
            sys.exit(f"{out} exists; name another file")
        race = raced(text, "--minutes", minutes, *options) | {"minutes": float(minutes)}
        Path(out).write_text(json.dumps(race, indent=1))
        print(f"{race['bits_per_byte']:.6f} bits per byte after {race['steps']} steps; {out}")
    case ["verify", file, text]:
        verify(file, text)
    case ["table", *files] if files:
        races = [(json.loads(Path(file).read_text()), file) for file in files]
        for race, file in sorted(races, key=lambda pair: pair[0]["bits_per_byte"]):
            print(f"{race['bits_per_byte']:.4f}  {race['minutes']:g} min  {race['steps']} steps  {race['sha256'][:12]}  {file}")
    case _:
        sys.exit(__doc__)
