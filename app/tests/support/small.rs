//! Settings of a small model that trains in seconds, as `--set` takes them; later ones replace earlier ones.

pub const SHAPE: [&str; 7] = [
    "model.layers=1",
    "model.width=32",
    "model.heads=2",
    "model.kv_heads=2",
    "model.head_size=16",
    "model.mlp.hidden=64",
    "model.context_length=16",
];

pub const TRAINING: [&str; 9] = [
    "train.batch_size=4",
    "train.warmup_steps=5",
    "train.eval_interval=10",
    "train.eval_batches=2",
    "train.checkpoint_interval=10",
    "train.checkpoint_seconds=0",
    "train.sample_interval=10",
    "train.sample_tokens=8",
    "train.milestone_interval=10",
];
