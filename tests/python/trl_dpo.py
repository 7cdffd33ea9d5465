"""Fine-tunes an exported model by TRL on preferences, as the referee of the objective `preference`.

trl_dpo.py MODEL PAIRS SETTINGS OUT: MODEL is a folder for transformers, PAIRS a JSON Lines file with `prompt_ids`, `chosen_ids` and
`rejected_ids` (tokens, as our store has them), SETTINGS a JSON object of `loss` (sigmoid, orpo), `beta`, and what TrainingArguments
take. OUT gets the loss and gradient norm of each step, and the weights afterwards as safetensors.

DPO is `DPOTrainer`'s, ORPO is `ORPOTrainer`'s but for its first term, which it takes over the prompt's tokens, too, and the paper, as we, over
those of the answer.
"""

import referee
from datasets import Dataset
from torch.nn import functional as F
from transformers import AutoTokenizer
from trl import DPOConfig, DPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

model_folder, pairs, settings, out = referee.given()
tokenizer = AutoTokenizer.from_pretrained(model_folder)
if tokenizer.pad_token is None:
    tokenizer.pad_token = tokenizer.eos_token
model = referee.load(model_folder)
loss, beta = (settings.pop(name) for name in ("loss", "beta"))
common = dict(beta=beta, **referee.common(out), **settings)
# The trainers want to tokenize something; what they train on is put in its place.
something = Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}])


class AnswersOnly(ORPOTrainer):
    """ORPO whose first term is over the answer's tokens."""

    def concatenated_forward(self, model, batch):
        chosen, rejected, logits, others, _, *rest = super().concatenated_forward(model, batch)
        labels = batch["chosen_labels"][:, 1:]
        logits_of_labels = logits[:, : labels.shape[1]].reshape(-1, logits.shape[-1])
        first = F.cross_entropy(logits_of_labels, labels.reshape(-1), ignore_index=-100)
        return (chosen, rejected, logits, others, first, *rest)


def answer(pair, side):
    """The columns of an answer for the trainers without a reference."""
    prompt, reply = pair["prompt_ids"], pair[f"{side}_ids"]
    ids = prompt + reply
    labels = [-100] * len(prompt) + reply
    return {f"{side}_input_ids": ids, f"{side}_attention_mask": [1] * len(ids), f"{side}_labels": labels}


if loss == "sigmoid":
    arguments = DPOConfig(loss_type=loss, max_length=None, **common)
    trainer = DPOTrainer(model=model, args=arguments, processing_class=tokenizer, train_dataset=something)
    rows = pairs
else:
    arguments = ORPOConfig(**common)
    trainer = AnswersOnly(model=model, args=arguments, processing_class=tokenizer, train_dataset=something)
    rows = [answer(pair, "chosen") | answer(pair, "rejected") for pair in pairs]
trainer.train_dataset = Dataset.from_list(rows)
referee.train(trainer, model, out)
