"""The maximal update parametrisation of the package `mup`, as the referee of `model.base_width`.

    train_mup.py RUN_TOML WEIGHTS BATCHES BASE_TOML OUT

RUN_TOML, WEIGHTS and BATCHES are as for train_nanogpt.py, with a constant learning rate; BASE_TOML has the model at its base width. Trains with
MuAdamW, MuReadout and attention by 1/D, all as in the package's README, and takes nothing of muP from RUN_TOML. Prints JSON lines:
{"event": "parameter", "name", "std", "rate", "decay"} for each matrix (standard deviation of mup's own initial weights, learning rate and weight
decay per step relative to the run's), {"event": "readout", "divisor"}, and {"event": "step", "loss", "grad_norm"}. OUT (safetensors) gets the
trained weights.
"""

import json
import math
import sys
import tomllib
from pathlib import Path

import decoder
import mup
import torch
from safetensors.torch import load_file, save_file


def emit(event, **fields):
    print(json.dumps({"event": event, **fields}))


def module_of(model):
    """A module whose parameters have the engine's names and shapes, with mup's head."""
    root = torch.nn.Module()
    for name, shape in decoder.shapes(model).items():
        *path, last = name.split(".")
        at = root
        for part in path:
            if not hasattr(at, part):
                at.add_module(part, torch.nn.Module())
            at = getattr(at, part)
        at.register_parameter(last, torch.nn.Parameter(torch.ones(shape)))
    if model.get("tied_head", True):
        root.head = mup.MuSharedReadout(root.embedding.tokens, bias=False)
    else:
        root.head = mup.MuReadout(model["width"], model["vocabulary"], bias=False)
    return root


def initialise(model, weights):
    """The standard initialisation, by mup's function."""
    init = model.get("init", {})
    std = init.get("std", 0.02)
    narrow = std / math.sqrt(2 * model["layers"]) if init.get("scale_residual", True) else std
    torch.manual_seed(0)
    for name, weight in weights.items():
        if weight.dim() == 2:
            into_stream = name.endswith(("attention.output.weight", "mlp.down.weight"))
            mup.init.normal_(weight, std=narrow if into_stream else std)


run, base = (tomllib.loads(Path(file).read_text()) for file in (sys.argv[1], sys.argv[4]))
model, train = run["model"], run["train"]
module = module_of(model)
# Every dimension is a width but the vocabulary and the context length.
base_shapes = decoder.shapes(base["model"])
wider = {
    name: (shape[0], 3 * shape[1]) if name.startswith(("embedding.", "head.")) else tuple(3 * size for size in shape)
    for name, shape in base_shapes.items()
}
mup.set_base_shapes(module, base_shapes, rescale_params=False, delta=wider)
weights = dict(module.named_parameters())
initialise(model, weights)
optimizer = decoder.adamw(train, weights, kind=mup.MuAdamW)
groups = {id(weight): group for group in optimizer.param_groups for weight in group["params"]}
for name, weight in weights.items():
    group = groups[id(weight)]
    rate = group["lr"] / train["learning_rate"]
    emit("parameter", name=name, std=weight.std().item(), rate=rate, decay=rate * group["weight_decay"] / train["weight_decay"])
emit("readout", divisor=module.head.width_mult())

for name, weight in load_file(sys.argv[2]).items():
    weights[name].data.copy_(weight)
# Attention by 1/D, equal to that by 1/√D at the base.
model = {**model, "attention_scale": math.sqrt(base["model"]["head_size"]) / model["head_size"]}
batches = load_file(sys.argv[3])
for tokens, targets in zip(batches["tokens"], batches["targets"]):
    loss = decoder.cross_entropy(module.head(decoder.stream(model, weights, tokens)), targets)
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(weights.values(), train["gradient_clipping"])
    optimizer.step()
    emit("step", loss=loss.item(), grad_norm=norm.item())
save_file({name: weight.detach().clone() for name, weight in weights.items()}, sys.argv[5])
