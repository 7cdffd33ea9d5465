//! Models in and out in the formats of the ecosystem.

mod address;
mod found;
pub mod gguf;
pub(crate) mod handover;
pub mod huggingface;
mod imported;
mod tensors;

pub(crate) use address::{ModelAddress, RemoteFile, bytes_of};
pub use found::Found;
pub use imported::import;
pub(crate) use imported::import_in_turns;
pub use imported::source_of;

use crate::checkpoint::settings_of;
use glasshouse_protocol::{Activation, Bias, Gate, ModelConfig, Position};

/// What to do about a folder or a file that lacks something or is damaged.
const TAKE_AGAIN: &str = "take all its files again from where they come from";

/// Settings of ours that a format says otherwise, or not: `model.qk_norm = true`. `theirs` is what it reads of what it wrote; `padded`
/// says which biases, of linear layers and of norms, the format always has: those that a model lacks are zeros.
fn lacks(ours: &ModelConfig, theirs: &ModelConfig, padded: fn(Bias) -> (Bias, bool)) -> Vec<String> {
    let settings = |model| settings_of(&comparable(model, padded));
    let (ours, theirs) = (settings(ours), settings(theirs));
    let differ = |(name, value): &(&String, &String)| theirs.get(*name) != Some(value);
    ours.iter().filter(differ).map(|(name, value)| format!("{name} = {value}")).collect()
}

/// A model as far as it decides what weights compute.
fn comparable(model: &ModelConfig, padded: fn(Bias) -> (Bias, bool)) -> ModelConfig {
    let mut model = model.clone();
    // Every class of transformers has a sister with a head for labels; formats that have none refuse it by its tensor.
    model.labels.clear();
    let (bias, norm_bias) = padded(model.bias);
    (model.bias, model.norm.bias) = (bias, model.norm.bias || norm_bias);
    if model.mlp.gate != Gate::None {
        model.mlp.activation = Activation::default();
    }
    if let Position::Rope(rope) = &mut model.position
        && rope.skip_every > model.layers
    {
        rope.skip_every = 0;
    }
    model.sliding_window = model.sliding_window.filter(|window| *window < model.context_length);
    model
}
