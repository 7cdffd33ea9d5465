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
use crate::error::{Error, Result};
use glasshouse_protocol::{Activation, Bias, Gate, ModelConfig, Position};

/// What to do about a folder or a file that lacks something or is damaged.
const TAKE_AGAIN: &str = "take all its files again from where they come from";

/// What a format lacks that cannot say a model's sizes, whatever its other settings are.
const NO_SUCH_SIZES: &str = "model of these sizes";

/// Settings of ours that a format says otherwise, or not: `model.qk_norm = true`. `theirs` is what it reads of what it wrote; `padded`
/// says which biases, of linear layers and of norms, the format always has: those that a model lacks are zeros.
fn lacks(ours: &ModelConfig, theirs: Option<&ModelConfig>, padded: fn(Bias) -> (Bias, bool)) -> Vec<String> {
    let settings = |model| settings_of(&comparable(model, padded));
    let Some(theirs) = theirs.map(settings) else {
        // It does not read what it wrote: its formulas want a width that the heads divide, say.
        return vec![NO_SUCH_SIZES.to_owned()];
    };
    let ours = settings(ours);
    let differ = |(name, value): &(&String, &String)| theirs.get(*name) != Some(value);
    ours.iter().filter(differ).map(|(name, value)| format!("{name} = {value}")).collect()
}

/// The first of all that lacks no setting, the `wished` one before others; or the wished one with what it lacks, or else the one that lacks
/// the fewest.
fn nearest<T: Copy>(
    wished: Option<T>,
    all: &[T],
    lacks: impl Fn(T) -> Result<Vec<String>>,
) -> Result<(T, Vec<String>)> {
    let mut nearest: Option<(T, Vec<String>)> = None;
    for one in wished.into_iter().chain(all.iter().copied()) {
        let lacks = lacks(one)?;
        if lacks.is_empty() {
            return Ok((one, lacks));
        }
        let distance = |lacks: &[String]| {
            let has_sizes = lacks.iter().all(|lacked| lacked != NO_SUCH_SIZES);
            if has_sizes { lacks.len() } else { usize::MAX }
        };
        let is_nearer =
            |(_, fewest): &(T, Vec<String>)| wished.is_none() && distance(&lacks) < distance(fewest);
        if nearest.as_ref().is_none_or(is_nearer) {
            nearest = Some((one, lacks));
        }
    }
    nearest.ok_or_else(|| Error::Internal("nothing to choose from".to_owned()))
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
    let slides = (0..model.layers).any(|block| model.window(block).is_some());
    model.sliding_window = model.sliding_window.filter(|_| slides);
    model.full_attention.retain(|_| slides);
    model
}
