"""Trains an exported reward model by TRL's `RewardTrainer`, as the referee of the loss `bradley_terry` of the objective `preference`.

trl_reward.py MODEL PAIRS SETTINGS OUT: MODEL is a folder for transformers with one label, PAIRS a JSON Lines file with `chosen_ids` and
`rejected_ids` (tokens, as our store has them), SETTINGS a JSON object of `margin` (for all pairs, 0 for none), `center_rewards_coefficient`,
and what TrainingArguments take. OUT gets the loss and gradient norm of each step, the weights afterwards as safetensors, and the scores that
they give the answers, chosen and rejected by turns, read in one batch.
"""

import json

import torch
from datasets import Dataset
from referee import common, given, load, train
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from trl import RewardConfig, RewardTrainer

model_folder, pairs, settings, out = given()
tokenizer = AutoTokenizer.from_pretrained(model_folder)
model = load(model_folder, AutoModelForSequenceClassification)
# What fills rows up is never what ends a text, which is scored.
assert tokenizer.pad_token_id == model.config.pad_token_id != tokenizer.eos_token_id
margin = settings.pop("margin")
if settings["center_rewards_coefficient"] == 0.0:
    settings["center_rewards_coefficient"] = None
rows = [pair | {"margin": margin} if margin else pair for pair in pairs]
arguments = RewardConfig(max_length=None, **common(out), **settings)
trainer = RewardTrainer(
    model=model, args=arguments, processing_class=tokenizer, train_dataset=Dataset.from_list(rows)
)
train(trainer, model, out)
answers = [pair[f"{side}_ids"] for pair in pairs for side in ("chosen", "rejected")]
longest = max(map(len, answers))
filled = [ids + [tokenizer.pad_token_id] * (longest - len(ids)) for ids in answers]
mask = [[1] * len(ids) + [0] * (longest - len(ids)) for ids in answers]
model.eval()
with torch.no_grad():
    scores = model(input_ids=torch.tensor(filled), attention_mask=torch.tensor(mask)).logits[:, 0]
(out / "scores.json").write_text(json.dumps(scores.tolist()))
