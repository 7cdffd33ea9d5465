#!/usr/bin/env python3
"""A TopK or JumpReLU autoencoder by SAELens' formulas (sae_lens/saes/{topk_sae,jumprelu_sae,sae}.py, version 6), in torch.

    python sae_lens.py FOLDER X PENALTY BANDWIDTH

FOLDER has cfg.json and sae_weights.safetensors; X is a file of little-endian floats [N, d_in]; PENALTY (l0_coefficient) and BANDWIDTH are those
of a JumpReLU. Prints one JSON object: `loss` (mse: summed over d_in, mean over tokens), `l0`, and the gradients of the loss with its penalty, flat, by
the names of the weights (`threshold` is that of its logarithm).
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file


class JumpReLU(torch.autograd.Function):
    """Both x·[x > t], with the straight-through gradient of t, and [x > t], whose gradient is only t's."""

    @staticmethod
    def forward(ctx, x, threshold, bandwidth, is_step):
        ctx.save_for_backward(x, threshold)
        ctx.bandwidth, ctx.is_step = bandwidth, is_step
        return (x > threshold) * (torch.ones_like(x) if is_step else x)

    @staticmethod
    def backward(ctx, gradient):
        x, threshold = ctx.saved_tensors
        near = ((x - threshold) / ctx.bandwidth).abs() < 0.5
        slope = -(1.0 if ctx.is_step else threshold) / ctx.bandwidth
        of_x = None if ctx.is_step else (x > threshold) * gradient
        return of_x, (slope * near * gradient).sum(dim=0), None, None


def main():
    folder, given, penalty, bandwidth = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
    cfg = json.loads((folder / "cfg.json").read_text())
    assert cfg["architecture"] in ("topk", "jumprelu") and cfg["normalize_activations"] == "none"
    weights = {name: it.double() for name, it in load_file(folder / "sae_weights.safetensors").items()}
    if cfg["architecture"] == "jumprelu":
        # SAELens trains log_threshold, and stores its exponential.
        weights["threshold"] = weights["threshold"].clamp(min=torch.finfo(torch.float32).tiny).log()
    weights = {name: it.requires_grad_() for name, it in weights.items()}
    x = torch.frombuffer(bytearray(given.read_bytes()), dtype=torch.float32).double().view(-1, cfg["d_in"])
    sae_in = x - weights["b_dec"] * cfg["apply_b_dec_to_input"]
    hidden_pre = sae_in @ weights["W_enc"] + weights["b_enc"]
    if cfg["architecture"] == "topk":
        topk = torch.topk(hidden_pre, k=cfg["k"], dim=-1)
        features, l0_loss = torch.zeros_like(hidden_pre).scatter(-1, topk.indices, torch.relu(topk.values)), 0.0
    else:
        threshold = weights["threshold"].exp()
        features = JumpReLU.apply(hidden_pre, threshold, bandwidth, False)
        l0_loss = penalty * JumpReLU.apply(hidden_pre, threshold, bandwidth, True).sum(dim=-1).mean()
    out = features @ weights["W_dec"] + weights["b_dec"]
    loss = ((out - x) ** 2).sum(dim=-1).mean()
    (loss + l0_loss).backward()
    report = {"loss": loss.item(), "l0": (features > 0).sum(dim=-1).double().mean().item()}
    print(json.dumps(report | {name: it.grad.flatten().tolist() for name, it in weights.items()}))


if __name__ == "__main__":
    main()
