"""Trains an exported reward model by TRL's `RewardTrainer`, as the referee of the loss `bradley_terry` of the objective `preference`.

trl_reward.py MODEL PAIRS SETTINGS OUT: MODEL is a folder for transformers with one label, PAIRS a JSON Lines file with `chosen_ids` and
`rejected_ids` (tokens, as our store has them), SETTINGS a JSON object of `margin` (for all pairs, 0 for none), `center_rewards_coefficient`,
and what TrainingArguments take. OUT gets the loss and gradient norm of each step, the weights afterwards as safetensors, and the scores that
they give the answers, chosen and rejected by turns, read in one batch.
"""

import json
import sys
from pathlib import Path

import torch
from datasets import Dataset
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from trl import RewardConfig, RewardTrainer

model_folder, pairs_file, settings_file, out = map(Path, sys.argv[1:5])
torch.manual_seed(0)
tokenizer = AutoTokenizer.from_pretrained(model_folder)
model = AutoModelForSequenceClassification.from_pretrained(model_folder, dtype=torch.float32)
# What fills rows up is never what ends a text, which is scored.
assert tokenizer.pad_token_id == model.config.pad_token_id != tokenizer.eos_token_id
pairs = [json.loads(line) for line in pairs_file.read_text().splitlines()]
settings = json.loads(settings_file.read_text())
margin = settings.pop("margin")
if settings["center_rewards_coefficient"] == 0.0:
    settings["center_rewards_coefficient"] = None
rows = [pair | {"margin": margin} if margin else pair for pair in pairs]
arguments = RewardConfig(
    output_dir=str(out / "trainer"),
    use_cpu=True,
    bf16=False,
    gradient_checkpointing=False,
    max_length=None,
    logging_steps=1,
    logging_strategy="steps",
    save_strategy="no",
    report_to=[],
    disable_tqdm=True,
    **settings,
)
trainer = RewardTrainer(
    model=model, args=arguments, processing_class=tokenizer, train_dataset=Dataset.from_list(rows)
)
trainer.train()
steps = [
    {"loss": entry["loss"], "gradient_norm": entry["grad_norm"]}
    for entry in trainer.state.log_history
    if "grad_norm" in entry
]
out.mkdir(exist_ok=True)
(out / "steps.json").write_text(json.dumps(steps))
answers = [pair[f"{side}_ids"] for pair in pairs for side in ("chosen", "rejected")]
longest = max(map(len, answers))
filled = [ids + [tokenizer.pad_token_id] * (longest - len(ids)) for ids in answers]
mask = [[1] * len(ids) + [0] * (longest - len(ids)) for ids in answers]
model.eval()
with torch.no_grad():
    scores = model(input_ids=torch.tensor(filled), attention_mask=torch.tensor(mask)).logits[:, 0]
(out / "scores.json").write_text(json.dumps(scores.tolist()))
weights = {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}
save_file(weights, out / "weights.safetensors")
