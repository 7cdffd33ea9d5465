#!/usr/bin/env python3
"""How the size of activations depends on the width after a few steps, in the standard and in the maximal update parametrisation (Yang and Hu 2021,
"Feature learning in infinite-width neural networks"), over `glasshouse train` and `glasshouse inspect --json`.

  coordinate_check.py TEXT [TRAIN OPTIONS]   trains `first-stories-small` at widths 64 to 512 for four steps, twice

Prints the root mean square of attention outputs, MLP outputs, residual stream and logits, and the slope of its logarithm over that of the width: 0 if the
width does not matter. GLASSHOUSE names the program [default: glasshouse].
"""

import json
import math
import os
import subprocess
import sys
import tempfile

WIDTHS = [64, 128, 256, 512]
STEPS = 4
SETTINGS = {"optimizer": "adamw", "learning_rate": 1e-2, "warmup_steps": 0, "decay": "constant", "milestones": "off", "milestone_interval": 1}
NORMS = {"attention_norms": "attention", "mlp_norms": "MLP", "norms": "residual stream"}


def glasshouse(*arguments):
    command = [os.environ.get("GLASSHOUSE", "glasshouse"), *map(str, arguments), "--json"]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def sizes(project, width, step):
    found = json.loads(glasshouse("inspect", "--project", project, "--step", step, "--prompt", "One day", "--view", "residual,next-token"))
    tensors = {name: tensor["data"] for view in found["views"].values() for name, tensor in view["tensors"].items()}
    tokens = len(found["tokens"])
    for name, part in NORMS.items():
        norms = tensors[name][-tokens:] if part == "residual stream" else tensors[name]
        # Norms are of vectors of the width.
        yield part, sum(norms) / len(norms) / math.sqrt(width)
    yield "logits", math.sqrt(sum(logit * logit for logit in tensors["logits"]) / len(tensors["logits"]))


def slope(values):
    x, y = [math.log(width) for width in WIDTHS], [math.log(value) for value in values]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y)) / sum((a - mean_x) ** 2 for a in x)


if len(sys.argv) < 2:
    sys.exit(__doc__)
text, *options = sys.argv[1:]
print(f"{'':10}{'part':17}{'step':>5}" + "".join(f"{f'width {width}':>11}" for width in WIDTHS) + f"{'slope':>8}")
for parametrisation in ["standard", "muP"]:
    found = {}
    for width in WIDTHS:
        shape = {"width": width, "heads": width // 16, "kv_heads": width // 32, "mlp.hidden": width * 11 // 4}
        shape |= {"base_width": WIDTHS[0]} if parametrisation == "muP" else {}
        settings = [f"train.{name}={value}" for name, value in SETTINGS.items()] + [f"model.{name}={value}" for name, value in shape.items()]
        with tempfile.TemporaryDirectory() as project:
            glasshouse("train", "--project", project, "--data", text, "--preset", "first-stories-small", "--steps", STEPS,
                       *(word for setting in settings for word in ("--set", setting)), *options)
            for step in [0, 1, STEPS]:
                for part, size in sizes(project, width, step):
                    found.setdefault((part, step), []).append(size)
    for (part, step), values in sorted(found.items()):
        print(f"{parametrisation:10}{part:17}{step:5}" + "".join(f"{value:11.3f}" for value in values) + f"{slope(values):+8.2f}")
