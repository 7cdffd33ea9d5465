"""What the referees of training share: their arguments, the models they train, what TRL's trainers are told, and what is written."""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM


def given():
    """The arguments MODEL ROWS SETTINGS OUT of a script, ROWS (JSON Lines or JSON) and SETTINGS (JSON) read."""
    model_folder, rows_file, settings_file, out = map(Path, sys.argv[1:5])
    text = rows_file.read_text()
    rows = [json.loads(line) for line in text.splitlines()] if rows_file.suffix == ".jsonl" else json.loads(text)
    return model_folder, rows, json.loads(settings_file.read_text()), out


def load(folder, kind=AutoModelForCausalLM):
    """A model in full precision, after a seed for whatever is drawn."""
    torch.manual_seed(0)
    model = kind.from_pretrained(folder, dtype=torch.float32)
    model.config.use_cache = False
    return model


def common(out):
    """What each of TRL's trainers is told."""
    return dict(
        output_dir=str(out / "trainer"),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        logging_steps=1,
        logging_strategy="steps",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
    )


def train(trainer, model, out):
    """Trains, and writes what was logged of each step, and the weights."""
    trainer.train()
    logged = [entry for entry in trainer.state.log_history if "grad_norm" in entry]
    write(out, [{"loss": entry["loss"], "gradient_norm": entry["grad_norm"]} for entry in logged], model)


def write(out, steps, model):
    """Writes what is told of each step, and the weights."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "steps.json").write_text(json.dumps(steps))
    weights = {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, out / "weights.safetensors")
