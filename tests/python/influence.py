#!/usr/bin/env python3
"""Influence of passages on a query by plain gradients of each, in float64, by the plain decoder.

    python influence.py RUN_TOML WEIGHTS ASKED

WEIGHTS is a safetensors file with the engine's names and ASKED a JSON list of passages {"tokens", "predicted"}, the query first. Prints one JSON
object: `loss` of the query (summed over its predicted tokens), `plain`, the products of its gradient with those of the other passages (TracIn, Pruthi
et al. 2020), and `preconditioned`, with each entry divided by the passages' mean square plus a tenth of its mean.
"""

import json
import sys
import tomllib
from pathlib import Path

import decoder
import torch
import torch.nn.functional as F
from safetensors.torch import load_file

model = tomllib.loads(Path(sys.argv[1]).read_text())["model"]
weights = {name: it.double().requires_grad_() for name, it in load_file(sys.argv[2]).items()}


def gradient(passage):
    tokens, predicted = torch.tensor(passage["tokens"]), torch.tensor(passage["predicted"])
    logits = decoder.forward(model, weights, tokens[None, :-1])[0]
    loss = F.cross_entropy(logits, tokens[1:], reduction="none")[predicted[1:]].sum()
    return loss.item(), torch.cat([it.flatten() for it in torch.autograd.grad(loss, list(weights.values()))])


(loss, query), *passages = map(gradient, json.loads(Path(sys.argv[3]).read_text()))
gradients = torch.stack([it for _, it in passages])
squares = gradients.square().mean(0)
scaled = query / (squares + squares.mean() / 10)
print(json.dumps({"loss": loss, "plain": (gradients @ query).tolist(), "preconditioned": (gradients @ scaled).tolist()}))
