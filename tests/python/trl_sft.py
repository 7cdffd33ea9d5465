"""Fine-tunes an exported model by TRL on conversations, as the referee of the objective `chat`.

trl_sft.py MODEL ROWS SETTINGS OUT: MODEL is a folder for transformers with a chat template that has generation tags, ROWS a JSON Lines
file with `messages` and `learned` (the tokens that count, as our store has them), SETTINGS a JSON object of what TrainingArguments take.
OUT gets the loss and gradient norm of each step, and the weights afterwards as safetensors.
"""

from datasets import Dataset
from referee import common, given, load, train
from transformers import AutoTokenizer
from trl import SFTConfig, SFTTrainer

model_folder, rows, settings, out = given()
tokenizer = AutoTokenizer.from_pretrained(model_folder)
model = load(model_folder)

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
        assistant_only_loss=True,
        packing=False,
        max_length=settings.pop("max_length"),
        **common(out),
        **settings,
    ),
)
train(trainer, model, out)
