//! Gemma 1 (Gemma Team 2024): Llama with scaled embeddings, norms of 1 + weight, and a GELU gate. Gemma 2: norms before and after attention
//! and MLP, soft caps on attention scores and logits, and a sliding window in every second block. Channels are stored like ours, and norms
//! with the 1 that is added to ours.

use super::{Architecture, Settings, count, llama};
use crate::gguf::facts::Facts;
use glasshouse_platform::Result;
use glasshouse_protocol::{Gate, Mlp, ModelConfig, NormConfig, NormPlacement, Position, Rope, RopeScaling};

pub(super) const GEMMA: Architecture = Architecture { name: "gemma", read: read_gemma, ..llama::OUR_ORDER };

fn read_gemma(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    let model = llama::shared(facts)?;
    Ok(ModelConfig {
        embedding_scale: (model.width as f32).sqrt(),
        norm: NormConfig { add_unit_offset: true, ..model.norm },
        mlp: Mlp { gate: Gate::Geglu, ..model.mlp },
        // llama.cpp reads no head.
        tied_head: true,
        ..model
    })
}

pub(super) const GEMMA2: Architecture =
    Architecture { name: "gemma2", read: read_gemma2, write: write_gemma2, ..llama::OUR_ORDER };

/// Keys and defaults of the caps of scores and logits.
const CAPS: [(&str, f32); 2] = [("attn_logit_softcapping", 50.0), ("final_logit_softcapping", 30.0)];

fn read_gemma2(facts: &mut Facts<'_>) -> Result<ModelConfig> {
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
fn shared(facts: &mut Facts<'_>, pattern: usize, wide: usize, window: Option<usize>) -> Result<ModelConfig> {
    let model = llama::shared(facts)?;
    if let Position::Rope(Rope { scaling: Some(RopeScaling::Yarn { .. }), .. }) = &model.position {
        return Err(facts.error("rope.scaling.type is `yarn`, which also changes blocks with a window"));
    }
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

fn write_gemma2(model: &ModelConfig) -> Settings {
    let mut settings = llama::shared_settings(model);
    // Not 0 without a window: llama.cpp then masks everything.
    let window = model.sliding_window.unwrap_or(model.context_length);
    settings.push(("attention.sliding_window", count(window)));
    let caps = CAPS.into_iter().zip([model.attention_softcap, model.logit_softcap]);
    settings.extend(caps.filter_map(|((key, _), cap)| Some((key, cap?.into()))));
    settings
}

/// Gemma 3 (Gemma Team 2025), the text model: Gemma 2 without caps, with norms of query and key heads, and with sliding windows in five of
/// six blocks.
pub(super) const GEMMA3: Architecture =
    Architecture { name: "gemma3", read: read_gemma3, write: write_gemma3, ..llama::OUR_ORDER };

/// Key and default of the base of rotary positions in blocks with a window.
const LOCAL_BASE: (&str, f32) = ("rope.freq_base_swa", 10_000.0);

fn read_gemma3(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    // The model of 62 blocks is 27B.
    let mut model = shared(facts, 6, 62, None)?;
    let local_base = facts.number_or_none(LOCAL_BASE.0)?.unwrap_or(LOCAL_BASE.1);
    if let Position::Rope(rope) = &mut model.position {
        rope.local_base = Some(local_base);
    }
    Ok(ModelConfig { qk_norm: true, ..model })
}

fn write_gemma3(model: &ModelConfig) -> Settings {
    let mut settings = llama::shared_settings(model);
    // Only newer versions of llama.cpp read it.
    if let Position::Rope(rope) = &model.position
        && rope.local_base != Some(LOCAL_BASE.1)
    {
        settings.push((LOCAL_BASE.0, rope.local_base.unwrap_or(rope.base).into()));
    }
    settings.push(("attention.sliding_window", count(model.sliding_window.unwrap_or(0))));
    settings
}
