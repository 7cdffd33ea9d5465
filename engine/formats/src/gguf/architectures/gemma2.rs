//! Gemma 2 (Gemma Team 2024): norms before and after attention and MLP, soft caps on attention scores and logits, and a sliding window in
//! every second block. Channels are stored like ours, and norms with the 1 that is added to ours.

use super::llama::{self, Order};
use super::{Architecture, Settings, count, undivided};
use crate::gguf::facts::Facts;
use glasshouse_platform::Result;
use glasshouse_protocol::{Gate, Mlp, ModelConfig, NormConfig, NormPlacement};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    name: "gemma2",
    read,
    write,
    tensors: |model, table| llama::shared_tensors(model, table, Order::Halves),
    divisors: undivided,
    ..llama::ARCHITECTURE
};

/// Keys and defaults of the caps of scores and logits.
const CAPS: [(&str, f32); 2] = [("attn_logit_softcapping", 50.0), ("final_logit_softcapping", 30.0)];

fn read(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    // The model of 46 blocks is 27B.
    let mut model = shared(facts, 2, 46, Some(4096))?;
    for ((key, default), cap) in
        CAPS.into_iter().zip([&mut model.attention_softcap, &mut model.logit_softcap])
    {
        *cap = Some(facts.number_or_none(key)?.unwrap_or(default));
    }
    // llama.cpp reads no head.
    model.tied_head = true;
    Ok(model)
}

/// Reads the settings that Gemma 2 and 3 share. Every block of number `pattern` attends to the whole context, and a model of `wide` blocks
/// scales attention by width ÷ heads instead of the head size.
pub(super) fn shared(
    facts: &mut Facts<'_>,
    pattern: usize,
    wide: usize,
    window: Option<usize>,
) -> Result<ModelConfig> {
    let model = llama::shared(facts)?;
    let scaled = if model.layers == wide { model.width / model.heads.max(1) } else { model.head_size };
    let window = facts.whole_or_none("attention.sliding_window")?.or(window).filter(|window| *window > 0);
    let blocks = (0..model.layers).filter(|block| window.is_some() && (block + 1).is_multiple_of(pattern));
    Ok(ModelConfig {
        embedding_scale: (model.width as f32).sqrt(),
        attention_scale: Some(1.0 / (scaled as f32).sqrt()),
        sliding_window: window,
        full_attention: blocks.collect(),
        norm: NormConfig { placement: NormPlacement::Sandwich, add_unit_offset: true, ..model.norm },
        mlp: Mlp { gate: Gate::Geglu, ..model.mlp },
        ..model
    })
}

fn write(model: &ModelConfig) -> Settings {
    let mut settings = llama::shared_settings(model);
    // Not 0 without a window: llama.cpp then masks everything.
    let window = model.sliding_window.unwrap_or(model.context_length);
    settings.push(("attention.sliding_window", count(window)));
    let caps = CAPS.into_iter().zip([model.attention_softcap, model.logit_softcap]);
    settings.extend(caps.filter_map(|((key, _), cap)| Some((key, cap?.into()))));
    settings
}
