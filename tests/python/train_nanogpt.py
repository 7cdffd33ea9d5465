#!/usr/bin/env python3
"""PyTorch's side of a training run on identical batches from identical weights, and of the speed table.

    python train_nanogpt.py RUN_TOML WEIGHTS BATCHES [--steps N] [--threads N]
    python train_nanogpt.py --bench nanogpt-cpu|nanogpt-gpu|RUN_TOML [--steps N] [--threads N]

RUN_TOML  the run's resolved configuration; model and optimizer settings come from it (dropout must be 0).
WEIGHTS   safetensors: initial weights under the engine's parameter names (decoder.py lists them), f32.
BATCHES   safetensors, every tensor int32:
            tokens, targets                          [steps, B, T]  the batch of each training step
            validation.tokens, validation.targets    [n, B, T]      evaluation batches (nanoGPT averages over 20); optional
            validation.stream                        [N]            the whole validation split; optional

Prints JSON lines: {"event": "step", "step", "loss", "lr", "grad_norm"} for every step (the loss before the update, steps counted from 0), then
{"event": "done", "steps", "validation_loss", "validation_loss_whole", "threads", "torch", ...}: `validation_loss` is the mean of the evaluation
batches' losses, `validation_loss_whole` the mean over every token of the split in consecutive windows of T (window k predicts
stream[kT + 1 ..= kT + T]; what is left at the end predicts in a shorter window).

--bench prints one line {"event": "bench", "ms_per_step" (median after warm-up), "threads", "first_loss", "last_loss", ...}, training on one
repeated batch of random tokens. PyTorch's threads spin: beside one busy core its times are worthless, so bench on an idle machine.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch

import decoder


def nanogpt(context_length, layers, heads, width, batch_size):
    """nanoGPT's shape and constants, as a run's configuration."""
    return {
        "model": {
            "vocabulary": 65,
            "context_length": context_length,
            "layers": layers,
            "width": width,
            "heads": heads,
            "kv_heads": heads,
            "head_size": width // heads,
            "norm": {"kind": "layer", "eps": 1e-5},
            "position": {"kind": "learned"},
            "mlp": {"hidden": 4 * width, "activation": "gelu_exact"},
        },
        "train": {
            "steps": 2000,
            "batch_size": batch_size,
            "learning_rate": 1e-3,
            "min_learning_rate": 1e-4,
            "warmup_steps": 100,
            "beta2": 0.99,
            "weight_decay": 0.1,
            "gradient_clipping": 1.0,
        },
    }


BENCHES = {"nanogpt-cpu": nanogpt(64, 4, 4, 128, 12), "nanogpt-gpu": nanogpt(256, 6, 6, 384, 4)}


class Trainer:
    """Weights, optimizer and the step."""

    def __init__(self, run, weights):
        self.model, self.train = run["model"], run["train"]
        if any(self.model.get("dropout", {}).values()):
            raise SystemExit("model.dropout must be 0: its random numbers are the engine's own")
        if self.train.get("optimizer", "adamw") != "adamw" or self.train.get("accumulate", 1) != 1:
            raise SystemExit("the referee trains with adamw and accumulate = 1 only")
        expected = decoder.shapes(self.model)
        found = {name: tuple(weight.shape) for name, weight in weights.items()}
        if found != expected:
            wrong = [name for name in expected | found if expected.get(name) != found.get(name)]
            raise SystemExit(f"weights do not fit the configuration: {', '.join(sorted(wrong))}")
        self.weights = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
        # PyTorch's quickest: one kernel for the whole update.
        self.optimizer = decoder.adamw(self.train, self.weights, fused=True)

    def loss(self, tokens, targets):
        """Training loss of a batch."""
        logits = decoder.forward(self.model, self.weights, tokens, fused=True)
        smoothing, ignored = self.train.get("label_smoothing", 0.0), self.train.get("ignore_index")
        return decoder.cross_entropy(logits, targets, smoothing, ignored)

    def step(self, number, tokens, targets):
        """One optimizer step; returns (loss, learning rate, gradient norm)."""
        rate = decoder.learning_rate_at(self.train, number)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        loss = self.loss(tokens, targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip = self.train.get("gradient_clipping", 1.0)
        norm = torch.nn.utils.clip_grad_norm_(self.weights.values(), clip if clip > 0.0 else float("inf"))
        self.optimizer.step()
        return loss.item(), rate, norm.item()

    @torch.no_grad()
    def evaluate(self, tokens, targets):
        """Mean loss of the batches [n, B, T], without label smoothing."""
        losses = [
            decoder.cross_entropy(decoder.forward(self.model, self.weights, batch, fused=True), target)
            for batch, target in zip(tokens, targets)
        ]
        return torch.stack(losses).double().mean().item()

    @torch.no_grad()
    def evaluate_stream(self, stream):
        """Mean loss over every token of the stream but its first, in consecutive windows."""
        context = self.model["context_length"]
        whole = (len(stream) - 1) // context
        inputs = stream[: whole * context].view(whole, context)
        targets = stream[1 : whole * context + 1].view(whole, context)
        parts = list(zip(inputs.split(64), targets.split(64)))
        if (len(stream) - 1) % context:
            parts.append((stream[None, whole * context : -1], stream[None, whole * context + 1 :]))
        total, count = 0.0, 0
        for tokens, target in parts:
            logits = decoder.forward(self.model, self.weights, tokens, fused=True)
            total += decoder.cross_entropy(logits, target).double().item() * target.numel()
            count += target.numel()
        return total / count


def emit(event, **fields):
    """One JSON line."""
    print(json.dumps({"event": event, **fields}), flush=True)


def train(run, arguments):
    """The run on given batches."""
    # A machine that only measures speed may have torch alone.
    from safetensors.torch import load_file

    trainer = Trainer(run, load_file(arguments.inputs[1]))
    data = load_file(arguments.inputs[2])
    tokens, targets = data["tokens"], data["targets"]
    steps = min(arguments.steps or len(tokens), len(tokens))
    began = time.perf_counter()
    for number in range(steps):
        loss, rate, norm = trainer.step(number, tokens[number], targets[number])
        emit("step", step=number, loss=loss, lr=rate, grad_norm=norm)
    done = {"seconds": round(time.perf_counter() - began, 3)}
    if "validation.tokens" in data:
        done["validation_loss"] = trainer.evaluate(data["validation.tokens"], data["validation.targets"])
    if "validation.stream" in data:
        done["validation_loss_whole"] = trainer.evaluate_stream(data["validation.stream"])
    emit("done", steps=steps, threads=torch.get_num_threads(), torch=torch.__version__, **done)


def bench(run, arguments):
    """Times a step on one repeated batch."""
    model, batch = run["model"], run["train"]["batch_size"]
    generator = torch.Generator().manual_seed(1)
    weights = {
        name: torch.ones(shape) if len(shape) == 1 else 0.02 * torch.randn(shape, generator=generator)
        for name, shape in decoder.shapes(model).items()
    }
    trainer = Trainer(run, weights)
    window = torch.randint(model["vocabulary"], (batch, model["context_length"] + 1), generator=generator)
    tokens, targets = window[:, :-1].contiguous(), window[:, 1:].contiguous()
    steps, warm_up = arguments.steps or 20, 5
    times, losses = [], []
    for number in range(steps + warm_up):
        began = time.perf_counter()
        losses.append(trainer.step(number, tokens, targets)[0])
        times.append(1e3 * (time.perf_counter() - began))
    emit(
        "bench",
        model=arguments.bench,
        batch_size=batch,
        context_length=model["context_length"],
        ms_per_step=round(statistics.median(times[warm_up:]), 2),
        fastest_ms=round(min(times[warm_up:]), 2),
        tokens_per_s=round(1e3 * batch * model["context_length"] / statistics.median(times[warm_up:])),
        steps=steps,
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        first_loss=losses[0],
        last_loss=losses[-1],
    )


def main():
    import tomllib

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("inputs", nargs="*", metavar="FILE", help="RUN_TOML WEIGHTS BATCHES")
    parser.add_argument("--bench", metavar="MODEL", help=f"{', '.join(BENCHES)} or a run's TOML file")
    parser.add_argument("--steps", type=int, help="steps to take (all batches; --bench: 20)")
    parser.add_argument("--threads", type=int, help="PyTorch's threads (its own choice)")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.bench:
        named = BENCHES.get(arguments.bench)
        bench(named or tomllib.loads(Path(arguments.bench).read_text()), arguments)
    elif len(arguments.inputs) == 3:
        train(tomllib.loads(Path(arguments.inputs[0]).read_text()), arguments)
    else:
        parser.error("give RUN_TOML WEIGHTS BATCHES, or --bench MODEL")


if __name__ == "__main__":
    sys.exit(main())
