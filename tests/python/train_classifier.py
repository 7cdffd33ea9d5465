"""Trains an exported classifier by transformers' class with a head for labels, as the referee of the objective `classify`.

train_classifier.py MODEL BATCHES SETTINGS OUT: MODEL is a folder for transformers, BATCHES a JSON array with, for each step, its texts as
objects of `ids` (their tokens) and `label` (its number), SETTINGS a JSON object of `frozen` (what names of parameters end with that stay as
they are) and of AdamW's `learning_rate`, `beta1`, `beta2`, `eps`, `weight_decay` and `clip`. OUT gets the loss and gradient norm of each
step, and the weights afterwards as safetensors.
"""

import torch
from decoder import adamw
from referee import given, load, write
from transformers import AutoModelForSequenceClassification

model_folder, batches, settings, out = given()
model = load(model_folder, AutoModelForSequenceClassification).train()
for name, parameter in model.named_parameters():
    parameter.requires_grad_(not name.endswith(tuple(settings["frozen"])))
trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
optimizer = adamw(settings, trained)
steps = []
for texts in batches:
    longest = max(len(text["ids"]) for text in texts)
    filled = [text["ids"] + [model.config.pad_token_id] * (longest - len(text["ids"])) for text in texts]
    mask = [[1] * len(text["ids"]) + [0] * (longest - len(text["ids"])) for text in texts]
    labels = torch.tensor([text["label"] for text in texts])
    loss = model(torch.tensor(filled), attention_mask=torch.tensor(mask), labels=labels).loss
    optimizer.zero_grad()
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(trained.values(), settings["clip"])
    optimizer.step()
    steps.append({"loss": loss.item(), "gradient_norm": norm.item()})
write(out, steps, model)
