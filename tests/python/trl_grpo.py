"""Steps of TRL's GRPOTrainer on given answers, as the referee of the objective `reward`.

trl_grpo.py MODEL ROUND SETTINGS OUT: MODEL is a folder for transformers, ROUND the answers that some steps learn from, as a run keeps them
between its steps (`round.json`), SETTINGS a JSON list of objects, each of what GRPOConfig takes, with `group`, `steps` and AdamW's numbers.
For each of them OUT gets, in a folder of its number, the loss, gradient norm, share of clipped tokens and KL divergence of each step, and
the weights afterwards as safetensors. Advantages, log-probabilities and losses are TRL's; what draws answers takes no part.
"""

import json
import sys
from pathlib import Path

import torch
from datasets import Dataset
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

model_folder, round_file, settings_file, out = map(Path, sys.argv[1:5])
answers = json.loads(round_file.read_text())["answers"]
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


for number, settings in enumerate(json.loads(settings_file.read_text())):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
    model.config.use_cache = False
    group, steps = settings.pop("group"), settings.pop("steps")
    adam = settings.pop("adam")
    accumulate = settings["gradient_accumulation_steps"]
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=GRPOConfig(
            output_dir=str(out / "trainer"),
            num_generations=group,
            num_iterations=steps,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
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
    matrices = [weight for weight in model.parameters() if weight.dim() >= 2]
    rest = [weight for weight in model.parameters() if weight.dim() < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": adam["weight_decay"]}, {"params": rest, "weight_decay": 0.0}],
        lr=adam["learning_rate"],
        betas=(adam["beta1"], adam["beta2"]),
        eps=adam["eps"],
    )
    told = []
    for _ in range(steps):
        optimizer.zero_grad()
        trainer._metrics["train"].clear()
        total, clipped, tokens = 0.0, 0.0, 0
        for batch in batches:
            loss = trainer._compute_loss(model, dict(batch))
            loss.backward()
            total += loss.item()
            count = int(batch["completion_mask"].sum())
            clipped += trainer._metrics["train"]["clip_ratio/region_mean"][-1] * count
            tokens += count
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), adam["clip"]).item()
        optimizer.step()
        told.append({"loss": total, "gradient_norm": norm, "clipped": clipped / tokens})
    folder = out / str(number)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "steps.json").write_text(json.dumps(told))
    weights = {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}
    save_file(weights, folder / "weights.safetensors")
