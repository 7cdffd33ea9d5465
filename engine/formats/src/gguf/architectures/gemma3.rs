//! Gemma 3 (Gemma Team 2025), the text model: norms before and after attention and MLP, norms of query and key heads, and sliding windows
//! in five of six blocks. Channels are stored like ours, and norms with the 1 that is added to ours.

use super::llama::{self, Order};
use super::{Architecture, Settings, count, undivided};
use crate::gguf::facts::Facts;
use glasshouse_platform::Result;
use glasshouse_protocol::{Gate, Mlp, ModelConfig, NormConfig, NormPlacement, Position};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    name: "gemma3",
    read,
    write,
    tensors: |model, table| llama::shared_tensors(model, table, Order::Halves),
    divisors: undivided,
    ..llama::ARCHITECTURE
};

/// Every block of this number attends to the whole context.
const PATTERN: usize = 6;
/// Key and default of the base of rotary positions in blocks with a window.
const LOCAL_BASE: (&str, f32) = ("rope.freq_base_swa", 10_000.0);
/// Blocks of the model (27B) that scales attention by width ÷ heads instead of the head size.
const WIDE: usize = 62;

fn read(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    let mut model = llama::shared(facts)?;
    let local_base = facts.number_or_none(LOCAL_BASE.0)?.unwrap_or(LOCAL_BASE.1);
    if let Position::Rope(rope) = &mut model.position {
        rope.local_base = Some(local_base);
    }
    let scaled = if model.layers == WIDE { model.width / model.heads.max(1) } else { model.head_size };
    let window = facts.whole_or_none("attention.sliding_window")?.filter(|window| *window > 0);
    let blocks = (0..model.layers).filter(|block| window.is_some() && (block + 1).is_multiple_of(PATTERN));
    Ok(ModelConfig {
        embedding_scale: (model.width as f32).sqrt(),
        attention_scale: Some(1.0 / (scaled as f32).sqrt()),
        qk_norm: true,
        sliding_window: window,
        full_attention: blocks.collect(),
        norm: NormConfig { placement: NormPlacement::Sandwich, add_unit_offset: true, ..model.norm },
        mlp: Mlp { gate: Gate::Geglu, ..model.mlp },
        ..model
    })
}

fn write(model: &ModelConfig) -> Settings {
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
