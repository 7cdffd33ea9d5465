//! Phi-3, Phi-3.5 mini and Phi-4 (Abdin et al. 2024): Llama with fused matrices, LongRoPE and partial rotary positions; channels are
//! stored as in transformers. llama.cpp computes no sliding window.

use super::{Architecture, Divisors, LONG, SHORT, Settings, count, llama};
use crate::gguf::facts::Facts;
use crate::huggingface::packed_rows;
use crate::tensors::{BiasRule::AsOurs, TensorTable};
use glasshouse_platform::Result;
use glasshouse_protocol::{ModelConfig, Position, Rope, RopeScaling};

pub(super) const ARCHITECTURE: Architecture =
    Architecture { name: "phi3", read, write, tensors, divisors, ..llama::ARCHITECTURE };

fn read(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    llama::without_experts(facts)?;
    let model = llama::shared_with(facts, rope)?;
    let sliding_window = facts.whole_or_none("attention.sliding_window")?.filter(|window| *window > 0);
    llama::full_heads(facts, ModelConfig { sliding_window, ..model })
}

fn rope(facts: &mut Facts<'_>, base: f32, head_size: usize, context_length: usize) -> Result<Rope> {
    let rotated = facts.whole_or_none("rope.dimension_count")?.unwrap_or(head_size);
    let kind = facts.word_or_none("rope.scaling.type")?.filter(|kind| kind != "none" && kind != "longrope");
    let original = facts.whole_or_none("rope.scaling.original_context_length")?;
    let attention = facts.number_or_none("rope.scaling.attn_factor")?.unwrap_or(1.0);
    let scaling = match (facts.divisors(SHORT), facts.divisors(LONG), kind) {
        (None, None, None) if attention == 1.0 => None,
        (Some(short), Some(long), None) => Some(RopeScaling::Longrope {
            short_factor: short.to_vec(),
            long_factor: long.to_vec(),
            original_context_length: original.unwrap_or(context_length),
            attention_factor: Some(attention),
        }),
        _ => {
            let reason = "its rope.scaling keys and its tensors of factors are not those of LongRoPE";
            return Err(facts.error(reason));
        }
    };
    Ok(Rope { channels: (rotated != head_size).then_some(rotated), scaling, ..Rope::new(base) })
}

fn write(model: &ModelConfig) -> Settings {
    let mut settings = llama::settings_of_full_heads(model);
    settings.retain(|(key, _)| !key.starts_with("rope.scaling.") && *key != "rope.dimension_count");
    settings.push(("attention.sliding_window", count(0)));
    if let Position::Rope(rope) = &model.position {
        settings.push(("rope.dimension_count", count(rope.channels.unwrap_or(model.head_size))));
        if let Some(RopeScaling::Longrope { original_context_length, attention_factor, .. }) = &rope.scaling {
            let factor = model.context_length as f64 / *original_context_length as f64;
            let attention = attention_factor
                .unwrap_or_else(|| crate::longrope_attention(factor, *original_context_length));
            settings.push(("rope.scaling.original_context_length", count(*original_context_length)));
            settings.push(("rope.scaling.attn_factor", attention.into()));
        }
    }
    settings
}

fn divisors(model: &ModelConfig) -> Divisors {
    match &model.position {
        Position::Rope(Rope {
            scaling: Some(RopeScaling::Longrope { short_factor, long_factor, .. }),
            ..
        }) => {
            vec![(LONG, long_factor.clone()), (SHORT, short_factor.clone())]
        }
        _ => Vec::new(),
    }
}

fn tensors(model: &ModelConfig, table: &mut TensorTable<'_>) {
    let rows = packed_rows(model);
    table.whole("token_embd.weight", "embedding.tokens");
    table.blocks(model.layers, "blk", |block| {
        block.layers(AsOurs, &[("attn_norm", "attention.norm")]);
        block.rows("attn_qkv", "attention.qkv", rows.clone(), AsOurs);
        block.layers(AsOurs, &[("attn_output", "attention.output"), ("ffn_up", "mlp.up")]);
        block.layers(AsOurs, &[("ffn_down", "mlp.down"), ("ffn_norm", "mlp.norm")]);
    });
    table.layers(AsOurs, &[("output_norm", "norm")]);
    table.whole("output.weight", "head.weight");
}
