//! Import and export of models in common formats.

mod address;
mod found;
pub mod gguf;
pub mod huggingface;
mod imported;
pub mod page;
pub mod tensors;

pub use address::{ModelAddress, RemoteFile, bytes_of};
pub use found::Found;
pub use imported::{import, source_of};

use glasshouse_platform::{OrInternal, Result};
use glasshouse_project::checkpoint::settings_of;
use glasshouse_protocol::{Activation, Bias, Gate, ModelConfig, Position, RopeScaling};
use std::borrow::Cow;

/// Advice for incomplete or damaged files.
const TAKE_AGAIN: &str = "get all its files again from their source";

/// The missing feature of a format that cannot represent a model's sizes at all.
const NO_SUCH_SIZES: &str = "model of these sizes";

/// Settings that a format represents differently or not at all, such as `model.qk_norm = true`. `theirs` is what the format reads back from
/// its own output; `padded` says which biases of linear layers and norms the format always has (zeros if the model lacks them).
fn lacks(ours: &ModelConfig, theirs: Option<&ModelConfig>, padded: fn(Bias) -> (Bias, bool)) -> Vec<String> {
    let settings = |model| settings_of(&comparable(model, padded));
    let Some(theirs) = theirs.map(settings) else {
        // The output cannot be read back, for example because its formulas need a width divisible by the heads.
        return vec![NO_SUCH_SIZES.to_owned()];
    };
    let ours = settings(ours);
    let differ = |(name, value): &(&String, &String)| theirs.get(*name) != Some(value);
    ours.iter().filter(differ).map(|(name, value)| format!("{name} = {value}")).collect()
}

/// The first candidate that lacks no setting, with `wished` tried first; or else `wished`, or the candidate that lacks the
/// fewest, with what it lacks.
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
    nearest.or_internal("nothing to choose from")
}

/// A model without its logit divisor, and what its final norm is divided by instead, if the format has no divisor and otherwise `fits`.
/// Scales of 1 + w are left alone, because the sum would round them.
fn without_divisor(model: &ModelConfig, fits: impl Fn(&ModelConfig) -> bool) -> (Cow<'_, ModelConfig>, f32) {
    // What initial values and learning rates depended on goes too: it fixes the divisor.
    let plain = ModelConfig { logit_divisor: 1.0, base_width: None, ..model.clone() };
    let can_fold = model.norm.placement.has_final() && !model.norm.add_unit_offset;
    if model.logit_divisor == 1.0 || !can_fold || fits(model) || !fits(&plain) {
        return (Cow::Borrowed(model), 1.0);
    }
    // Classification heads are not divided.
    (Cow::Owned(plain), if model.labels.is_empty() { model.logit_divisor } else { 1.0 })
}

/// The settings that determine what the weights compute.
fn comparable(model: &ModelConfig, padded: fn(Bias) -> (Bias, bool)) -> ModelConfig {
    let mut model = model.clone();
    // Classes of transformers have variants with a classification head; formats without one reject its tensor.
    model.labels.clear();
    let (bias, norm_bias) = padded(model.bias);
    (model.bias, model.norm.bias) = (bias, model.norm.bias || norm_bias);
    if model.mlp.gate != Gate::None {
        model.mlp.activation = Activation::default();
    }
    let usual = usual_attention_scale(model.head_size);
    model.attention_scale = model.attention_scale.filter(|scale| *scale != usual);
    let is_local = |block| model.sliding_window.is_some() && !model.full_attention.contains(&block);
    let has_local = (0..model.layers).any(is_local);
    let mut slides = (0..model.layers).any(|block| model.window(block).is_some());
    if let Position::Rope(rope) = &mut model.position {
        if rope.skip_every > model.layers {
            rope.skip_every = 0;
        }
        let is_same = rope.scaling.is_none() && rope.local_base == Some(rope.base);
        rope.local_base = rope.local_base.filter(|_| has_local && !is_same);
        slides |= rope.local_base.is_some();
        match &mut rope.scaling {
            // It has no effect within the original context.
            Some(RopeScaling::Dynamic { original_context_length, .. }) => {
                *original_context_length = model.context_length.min(*original_context_length);
            }
            Some(RopeScaling::Longrope { original_context_length, attention_factor, .. }) => {
                let factor = model.context_length as f64 / *original_context_length as f64;
                attention_factor.get_or_insert_with(|| longrope_attention(factor, *original_context_length));
            }
            _ => {}
        }
    }
    model.sliding_window = model.sliding_window.filter(|_| slides);
    model.full_attention.retain(|_| slides);
    model
}

/// The factor on q·k.
fn attention_scale(model: &ModelConfig) -> f32 {
    model.attention_scale.unwrap_or_else(|| usual_attention_scale(model.head_size))
}

fn usual_attention_scale(head_size: usize) -> f32 {
    1.0 / (head_size as f32).sqrt()
}

/// LongRoPE's factor on cosines and sines, if the context is `factor` times as long as the original one.
fn longrope_attention(factor: f64, original_context_length: usize) -> f32 {
    if factor <= 1.0 {
        return 1.0;
    }
    (1.0 + libm::log(factor) / libm::log(original_context_length as f64)).sqrt() as f32
}
