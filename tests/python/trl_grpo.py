"""Steps of TRL's GRPOTrainer on given answers, as the referee of the objective `reward`.

trl_grpo.py MODEL ROUND SETTINGS OUT: MODEL is a folder for transformers, ROUND the answers that some steps learn from, as a run keeps them
between its steps (`round.json`), SETTINGS a JSON list of objects, each of what GRPOConfig takes, with `group`, `steps` and AdamW's numbers.
For each of them OUT gets, in a folder of its number, the loss, gradient norm, share of clipped tokens and KL divergence of each step, and
the weights afterwards as safetensors. Advantages, log-probabilities and losses are TRL's; what draws answers takes no part.
"""

import torch
from datasets import Dataset
from decoder import adamw
from referee import common, given, load, write
from transformers import AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

model_folder, kept, all_settings, out = given()
answers = kept["answers"]
tokenizer = AutoTokenizer.from_pretrained(model_folder)
if tokenizer.pad_token is None:
    tokenizer.pad_token = tokenizer.eos_token


def padded(rows, left):
    longest = max(map(len, rows))
    filled = [([0] * (longest - len(row)) + row) if left else (row + [0] * (longest - len(row))) for row in rows]
    masks = [
        ([0] * (longest - len(row)) + [1] * len(row)) if left else ([1] * len(row) + [0] * (longest - len(row)))
        for row in rows
    ]
    return torch.tensor(filled), torch.tensor(masks)


for number, settings in enumerate(all_settings):
    model = load(model_folder)
    group, steps = settings.pop("group"), settings.pop("steps")
    adam = settings.pop("adam")
    accumulate = settings["gradient_accumulation_steps"]
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=GRPOConfig(
            num_generations=group,
            num_iterations=steps,
            **common(out),
            **settings,
        ),
        train_dataset=Dataset.from_list([{"prompt": "a"}] * len(answers)),
        processing_class=tokenizer,
    )
    trainer.current_gradient_accumulation_steps = accumulate
    model.train()
    rewards = torch.tensor([answer["reward"] for answer in answers]).view(-1, group)
    advantages = rewards - rewards.mean(dim=1, keepdim=True)
    if settings["scale_rewards"] != "none":
        advantages = advantages / (rewards.std(dim=1, keepdim=True) + 1e-4)
    advantages = advantages.flatten()
    size = settings["per_device_train_batch_size"]
    batches = []
    for at in range(0, len(answers), size):
        own = answers[at : at + size]
        prompt_ids, prompt_mask = padded([answer["prompt"] for answer in own], left=True)
        completion_ids, completion_mask = padded([answer["tokens"] for answer in own], left=False)
        with torch.no_grad():
            old, _, _ = trainer._get_per_token_logps_and_entropies(
                model,
                torch.cat([prompt_ids, completion_ids], dim=1),
                torch.cat([prompt_mask, completion_mask], dim=1),
                completion_ids.size(1),
            )
        batches.append(
            {
                "prompt_ids": prompt_ids,
                "prompt_mask": prompt_mask,
                "completion_ids": completion_ids,
                "completion_mask": completion_mask,
                "advantages": advantages[at : at + size],
                "old_per_token_logps": old,
                # The model is the reference before the first step.
                "ref_per_token_logps": old.clone(),
                "num_items_in_batch": torch.tensor(sum(len(answer["tokens"]) for answer in answers)),
            }
        )
    optimizer = adamw(adam, dict(model.named_parameters()))
    told = []
    for _ in range(steps):
        optimizer.zero_grad()
        trainer._metrics["train"].clear()
        total, clipped, divergence, tokens = 0.0, 0.0, 0.0, 0
        for batch in batches:
            loss = trainer._compute_loss(model, dict(batch))
            loss.backward()
            total += loss.item()
            count = int(batch["completion_mask"].sum())
            clipped += trainer._metrics["train"]["clip_ratio/region_mean"][-1] * count
            divergence += trainer._metrics["train"]["kl"][-1] * count
            tokens += count
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), adam["clip"]).item()
        optimizer.step()
        told.append({"loss": total, "gradient_norm": norm, "clipped": clipped / tokens, "kl": divergence / tokens})
    write(out / str(number), told, model)
