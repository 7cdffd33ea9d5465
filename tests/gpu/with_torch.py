"""PyTorch's side, run by a Python that has torch: cuBLAS's matrix products, and whole training steps.

    with_torch.py products|steps SECONDS THREADS <REQUEST     a JSON list on standard input; an answer a line, the device's first

A product is {"kind", "rows", "inner", "columns"}, a step {"model", "mode", "precision", "batch", "tiny"}. What has no time any more is left out.
THREADS are those of a CPU, 0 for PyTorch's own choice: they spin, and beside other programs many are slower than one.
The decoder is that of tests/python, the referee of the engine's arithmetic.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "python"))

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
# What a timed round should last, and how many of them there are.
SECONDS, ROUNDS = 0.05, 3


def say(**fields):
    print(json.dumps(fields), flush=True)


def wait():
    if CUDA:
        torch.cuda.synchronize()


def precision(name):
    """Sets how f32 matrices are multiplied: exactly in f32, or by tensor cores in TF32."""
    torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
    torch.backends.cudnn.allow_tf32 = name == "tf32"


def ms_of(work):
    """Milliseconds of one of many calls in a row: the fastest round."""
    for _ in range(3):
        work()
    wait()
    repeats, best = 1, float("inf")
    rounds = 0
    while rounds < ROUNDS:
        began = time.perf_counter()
        for _ in range(repeats):
            work()
        wait()
        seconds = time.perf_counter() - began
        if seconds < SECONDS and repeats < 4096:
            repeats = min(4096, max(repeats + 1, int(repeats * 1.2 * SECONDS / max(seconds, 1e-6))))
            continue
        best = min(best, seconds / repeats)
        rounds += 1
    return 1e3 * best


def multiply(product, dtype):
    """The product as PyTorch's own linear layer and its backward do it."""
    rows, inner, columns = product["rows"], product["inner"], product["columns"]
    of = lambda *shape: torch.randn(shape, device=DEVICE, dtype=dtype)
    if product["kind"] == "linear":
        x, w = of(rows, inner), of(columns, inner)
        return lambda: torch.mm(x, w.t())
    if product["kind"] == "linear_input_backward":
        dy, w = of(rows, columns), of(columns, inner)
        return lambda: torch.mm(dy, w)
    dy, x = of(rows, columns), of(rows, inner)
    return lambda: torch.mm(dy.t(), x)


def products(request, until):
    known = {}
    for product in request:
        key = tuple(sorted(product.items()))
        if key not in known:
            if time.monotonic() > until:
                return
            known[key] = {}
            for name, dtype in (("f32", torch.float32), ("tf32", torch.float32), ("bf16", torch.bfloat16)):
                precision(name)
                known[key][name] = ms_of(multiply(product, dtype))
        say(ms=known[key])


def settings(step):
    """A preset's shape as a run's configuration; dropout is no part of the referee."""
    import train_nanogpt

    if step["tiny"]:
        run = train_nanogpt.nanogpt(32, 1, 2, 32, 2)
    else:
        context, layers, heads, width = {
            "nanogpt-cpu": (64, 4, 4, 128),
            "nanogpt-gpu": (256, 6, 6, 384),
            "gpt2-124m": (1024, 12, 12, 768),
        }[step["model"]]
        run = train_nanogpt.nanogpt(context, layers, heads, width, step["batch"])
    if step["model"] == "gpt2-124m":
        model = run["model"]
        model["bias"], model["norm"]["bias"], model["mlp"]["activation"] = True, True, "gelu_tanh"
        model["vocabulary"] = 256 if step["tiny"] else 50257
    return run


def trainer(step):
    import decoder
    import train_nanogpt

    run = settings(step)
    torch.manual_seed(1)
    weights = {
        name: torch.ones(shape, device=DEVICE) if len(shape) == 1 else 0.02 * torch.randn(shape, device=DEVICE)
        for name, shape in decoder.shapes(run["model"]).items()
    }
    made = train_nanogpt.Trainer(run, weights)
    precision(step["precision"])
    if step["precision"] == "bf16":
        plain = made.loss

        def loss(tokens, targets):
            with torch.autocast(DEVICE, dtype=torch.bfloat16):
                return plain(tokens, targets)

        made.loss = loss
    backend = None
    if step["mode"] == "compiled":
        # Tried on a CPU only to see that all of this works: its code generator would take minutes.
        backend = "aot_eager" if step["tiny"] else "inductor"
        made.loss = torch.compile(made.loss, backend=backend)
    return made, run, backend


def steps(request, until):
    for step in request:
        if time.monotonic() > until:
            return
        named = {key: step[key] for key in ("model", "mode", "precision")}
        try:
            if CUDA:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            began = time.perf_counter()
            made, run, backend = trainer(step)
            size = run["model"]["context_length"]
            batch = 2 if step["tiny"] else step["batch"]
            window = torch.randint(run["model"]["vocabulary"], (batch, size + 1), device=DEVICE)
            tokens, targets = window[:, :-1].contiguous(), window[:, 1:].contiguous()
            losses, times = [made.step(number, tokens, targets)[0] for number in range(3)], []
            wait()
            warm = time.perf_counter() - began
            while len(times) < 20 and sum(times) < 3.0:
                begun = time.perf_counter()
                losses.append(made.step(3 + len(times), tokens, targets)[0])
                wait()
                times.append(time.perf_counter() - begun)
            ms = 1e3 * statistics.median(times)
            say(
                **named, batch=batch, context_length=size, ms_per_step=ms, tokens_per_s=1e3 * batch * size / ms, steps=len(times),
                warm_up_seconds=round(warm, 2), backend=backend, loss_first=losses[0], loss_last=losses[-1],
                peak_bytes=torch.cuda.max_memory_allocated() if CUDA else None,
            )  # fmt: skip
        except Exception as error:  # noqa: BLE001: a compiler that is missing here costs its own figure alone
            say(**named, error=f"{type(error).__name__}: {str(error).strip()[:400]}")
        finally:
            made = None
            torch._dynamo.reset()


def main():
    work, seconds, threads = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    if threads:
        torch.set_num_threads(threads)
    until = time.monotonic() + seconds
    request = json.load(sys.stdin)
    name = torch.cuda.get_device_name() if CUDA else f"the CPU, threads: {torch.get_num_threads()}"
    say(device=name, torch=torch.__version__, cuda=torch.version.cuda)
    {"products": products, "steps": steps}[work](request, until)


if __name__ == "__main__":
    main()
