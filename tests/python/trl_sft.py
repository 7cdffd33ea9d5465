"""Fine-tunes an exported model by TRL on conversations, as the referee of the objective `chat`.

trl_sft.py MODEL ROWS SETTINGS OUT: MODEL is a folder for transformers with a chat template that has generation tags, ROWS a JSON Lines
file with `messages` and `learned` (the tokens that count, as our store has them), SETTINGS a JSON object of what TrainingArguments take.
OUT gets the loss and gradient norm of each step, and the weights afterwards as safetensors.
"""

import json
import sys
from pathlib import Path

import torch
from datasets import Dataset
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer

model_folder, rows_file, settings_file, out = map(Path, sys.argv[1:5])
torch.manual_seed(0)
tokenizer = AutoTokenizer.from_pretrained(model_folder)
model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.float32)
model.config.use_cache = False
rows = [json.loads(line) for line in rows_file.read_text().splitlines()]
settings = json.loads(settings_file.read_text())

# The same tokens, and the same of them learned, before anything is trained.
for row in rows:
    encoded = tokenizer.apply_chat_template(
        row["messages"], return_dict=True, return_assistant_tokens_mask=True, tokenize=True
    )
    learned = [token for token, mask in zip(encoded["input_ids"], encoded["assistant_masks"]) if mask]
    assert learned == row["learned"], (row["messages"], learned, row["learned"])

trainer = SFTTrainer(
    model=model,
    processing_class=tokenizer,
    train_dataset=Dataset.from_list([{"messages": row["messages"]} for row in rows]),
    args=SFTConfig(
        output_dir=str(out / "trainer"),
        assistant_only_loss=True,
        packing=False,
        max_length=settings.pop("max_length"),
        use_cpu=True,
        bf16=False,
        gradient_checkpointing=False,
        logging_steps=1,
        logging_strategy="steps",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        **settings,
    ),
)
trainer.train()
steps = [
    {"loss": entry["loss"], "gradient_norm": entry["grad_norm"]}
    for entry in trainer.state.log_history
    if "grad_norm" in entry
]
out.mkdir(exist_ok=True)
(out / "steps.json").write_text(json.dumps(steps))
weights = {name: tensor.detach().clone().contiguous() for name, tensor in model.state_dict().items()}
save_file(weights, out / "weights.safetensors")
