//! Gemma 3 (Gemma Team 2025), the text model: Gemma 2 without caps, with norms of query and key heads, and with sliding windows in five of
//! six blocks.

use super::{Architecture, Settings, count, gemma2, llama};
use crate::gguf::facts::Facts;
use glasshouse_platform::Result;
use glasshouse_protocol::{ModelConfig, Position};

pub(super) const ARCHITECTURE: Architecture =
    Architecture { name: "gemma3", read, write, ..gemma2::ARCHITECTURE };

/// Key and default of the base of rotary positions in blocks with a window.
const LOCAL_BASE: (&str, f32) = ("rope.freq_base_swa", 10_000.0);

fn read(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    // The model of 62 blocks is 27B.
    let mut model = gemma2::shared(facts, 6, 62, None)?;
    let local_base = facts.number_or_none(LOCAL_BASE.0)?.unwrap_or(LOCAL_BASE.1);
    if let Position::Rope(rope) = &mut model.position {
        rope.local_base = Some(local_base);
    }
    Ok(ModelConfig { qk_norm: true, ..model })
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
