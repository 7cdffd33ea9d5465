"""PyTorch, eager or compiled: the trainer of tests/python/train_nanogpt.py with the problem's weights and batch.

    pytorch.py eager|compile PROBLEM CONFIG REPEATS      needs a Python with PyTorch; prints one JSON line
"""

import os
import sys
import time
from pathlib import Path

from surroundings import CACHE, CONFIGS, HERE, PEERS, REPOSITORY, answer, install

WARM_UP = 3
SLOW_MS = 5000.0


def measure(config, repeats, problem, mode):
    """Runs this file with PyTorch's Python, which is installed once."""
    environment = os.environ | {"TORCHINDUCTOR_CACHE_DIR": str(PEERS / "inductor")}
    return answer([python(), HERE / "pytorch.py", mode, problem, config.name, repeats], env=environment)


def python():
    """A Python with the packages of tests/python/requirements.txt."""
    named = os.environ.get("GLASSHOUSE_PYTHON", CACHE / "venv/bin/python")
    if Path(named).exists():
        return named
    venv = PEERS / "venv"
    if not (venv / "installed").exists():
        install([sys.executable, "-m", "venv", venv])
        install([venv / "bin/pip", "install", "--quiet", "-r", REPOSITORY / "tests/python/requirements.txt"])
        (venv / "installed").touch()
    return venv / "bin/python"


def main(mode, problem, name, repeats):
    """Trains and prints the losses and times of all steps."""
    import json

    import torch
    from safetensors.torch import load_file

    sys.path.insert(0, str(REPOSITORY / "tests/python"))
    from train_nanogpt import Trainer, nanogpt

    device = "cuda" if torch.cuda.is_available() else "cpu"
    tensors = load_file(problem, device=device)
    tokens, targets = tensors.pop("tokens").long(), tensors.pop("targets").long()
    config = CONFIGS[name]
    run = nanogpt(config.context, config.depth, config.heads, config.width, len(tokens))
    run["train"] |= {"warmup_steps": 0, "decay": "constant"}
    trainer = Trainer(run, tensors)
    if mode == "compile":
        trainer.loss = torch.compile(trainer.loss)
    losses, milliseconds = [], []
    steps = max(21, WARM_UP + int(repeats))
    while len(losses) < steps:
        began = time.perf_counter()
        losses.append(trainer.step(len(losses), tokens, targets)[0])
        milliseconds.append(1e3 * (time.perf_counter() - began))
        if len(losses) == 2 and milliseconds[-1] > SLOW_MS:
            steps = 4
    where = torch.cuda.get_device_name() if device == "cuda" else f"cpu, {torch.get_num_threads()} threads"
    print(json.dumps({"device": where, "losses": losses, "milliseconds": milliseconds, "version": torch.__version__}))


if __name__ == "__main__":
    main(*sys.argv[1:])
