#!/usr/bin/env python3
"""Benchmarks a training step of the Inference Arena (inferena.tech) in Glasshouse and PyTorch: SmolLM2-135M's shape, 128 tokens, float32.

    tests/benches/peers/arena.py [--rounds R] [--steps N] [--llvmpipe]

Random weights, tokens 0 to 127. A step is forward, backward, clipping and AdamW on both sides; the Arena's own figure excludes the last
two. PyTorch runs transformers' LlamaForCausalLM, eager and compiled, with fused AdamW. Rounds alternate; run on an idle machine. Needs torch
and transformers (tests/python/requirements.txt).
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

from surroundings import answer, glasshouse_binary

SHAPE = {"layers": 30, "width": 576, "heads": 9, "kv_heads": 3, "mlp.hidden": 1536, "context_length": 128, "vocabulary": 49152}


def pytorch(compiled, steps):
    """Milliseconds of each step and of its forward and backward passes; prints their medians. Runs in a process of its own."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = LlamaConfig(
        vocab_size=SHAPE["vocabulary"], hidden_size=SHAPE["width"], intermediate_size=SHAPE["mlp.hidden"], num_hidden_layers=SHAPE["layers"],
        num_attention_heads=SHAPE["heads"], num_key_value_heads=SHAPE["kv_heads"], tie_word_embeddings=True, use_cache=False,
    )
    model = LlamaForCausalLM(shape).float().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1, fused=True)
    loss = torch.compile(model) if compiled else model
    tokens = torch.arange(SHAPE["context_length"])[None]
    times = []
    for _ in range(steps + 2):
        began = time.perf_counter()
        loss(input_ids=tokens, labels=tokens).loss.backward()
        passed = time.perf_counter()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        times.append((1e3 * (time.perf_counter() - began), 1e3 * (passed - began)))
    whole, passes = zip(*times[2:])
    json.dump({"ms_per_step": statistics.median(whole), "passes": statistics.median(passes)}, sys.stdout)


def ours(device, steps):
    command = [glasshouse_binary(), "bench", "step", "--json", "--preset", "llama-tiny", "--batch-size", 1, "--set", "train.accumulate=1"]
    for name, value in {**SHAPE, "tied_head": "true"}.items():
        command += ["--set", f"model.{name}={value}"]
    return answer([*command, "--device", device, "--repeats", steps])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--llvmpipe", action="store_true", help="our step on that adapter as well (half a minute)")
    parser.add_argument("--pytorch", choices=["eager", "compile"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pytorch:
        return pytorch(options.pytorch == "compile", options.steps)
    rounds = {"glasshouse": [], "eager": [], "compile": []}
    for _ in range(options.rounds):
        rounds["glasshouse"].append(ours("cpu", options.steps))
        for mode in ("eager", "compile"):
            command = [sys.executable, __file__, "--pytorch", mode, "--steps", str(options.steps)]
            rounds[mode].append(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout))
    medians = {name: statistics.median(one["ms_per_step"] for one in told) for name, told in rounds.items()}
    print(f"glasshouse, cpu   {medians['glasshouse']:7.0f} ms a step")
    for mode in ("eager", "compile"):
        passes = statistics.median(one["passes"] for one in rounds[mode])
        ratio = medians["glasshouse"] / medians[mode]
        print(f"pytorch, {mode:8} {medians[mode]:7.0f} ms a step, {passes:.0f} without clipping and AdamW; ours / theirs {ratio:.2f}")
    if options.llvmpipe:
        print(f"glasshouse, llvmpipe {ours('llvmpipe', 4)['ms_per_step']:.0f} ms a step")


if __name__ == "__main__":
    main()
