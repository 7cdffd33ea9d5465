#!/usr/bin/env python3
"""A TopK autoencoder by SAELens' formulas (sae_lens/saes/topk_sae.py and sae.py, version 6), in torch.

    python sae_topk.py FOLDER X

FOLDER has cfg.json and sae_weights.safetensors; X is a file of little-endian floats [N, d_in]. Prints one JSON object: `loss`
(mse: summed over d_in, mean over tokens), `l0`, and the gradients `W_enc`, `b_enc`, `W_dec`, `b_dec`, flat.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file


def main():
    folder, given = Path(sys.argv[1]), Path(sys.argv[2])
    cfg = json.loads((folder / "cfg.json").read_text())
    assert cfg["architecture"] == "topk" and cfg["normalize_activations"] == "none"
    weights = {name: it.double().requires_grad_() for name, it in load_file(folder / "sae_weights.safetensors").items()}
    x = torch.frombuffer(bytearray(given.read_bytes()), dtype=torch.float32).double().view(-1, cfg["d_in"])
    sae_in = x - weights["b_dec"] * cfg["apply_b_dec_to_input"]
    hidden_pre = sae_in @ weights["W_enc"] + weights["b_enc"]
    topk = torch.topk(hidden_pre, k=cfg["k"], dim=-1)
    features = torch.zeros_like(hidden_pre).scatter(-1, topk.indices, torch.relu(topk.values))
    out = features @ weights["W_dec"] + weights["b_dec"]
    loss = ((out - x) ** 2).sum(dim=-1).mean()
    loss.backward()
    report = {"loss": loss.item(), "l0": (features > 0).sum(dim=-1).double().mean().item()}
    print(json.dumps(report | {name: it.grad.flatten().tolist() for name, it in weights.items()}))


if __name__ == "__main__":
    main()
