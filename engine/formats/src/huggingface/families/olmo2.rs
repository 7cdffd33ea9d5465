//! OLMo 2 (Team OLMo 2024): Llama with norms on the outputs of attention and MLP, and on all queries and all keys of a token. OLMo 3
//! (Team OLMo 2025) has sliding windows in three of four blocks, whose rotary positions are not scaled.

use super::super::fields::Fields;
use super::gemma::{join_kinds, local_base, split_kinds};
use super::llama::{self, Defaults};
use super::mistral::layer_types;
use super::{Family, llama_like, with};
use glasshouse_platform::Result;
use glasshouse_protocol::{ModelConfig, NormConfig, NormPlacement, Position};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = llama_like!("olmo2", "Olmo2", read, write);

pub(super) const OLMO3: Family = llama_like!("olmo3", "Olmo3", read_olmo3, write_olmo3);

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    fields.full_attention_everywhere()?;
    shared(fields, Defaults::LLAMA.theta)
}

fn shared(fields: &mut Fields, theta: f64) -> Result<ModelConfig> {
    let model = llama::shared(fields, Defaults { theta, eps: 1e-5, ..Defaults::LLAMA })?;
    Ok(ModelConfig {
        qk_norm: true,
        qk_norm_whole: true,
        norm: NormConfig { placement: NormPlacement::Output, ..model.norm },
        bias: llama::attention_bias(fields)?,
        ..model
    })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    with(llama::shared_fields(model), json!({ "attention_bias": model.bias.qkv }))
}

fn read_olmo3(fields: &mut Fields) -> Result<ModelConfig> {
    let sliding = split_kinds(fields);
    let mut model = shared(fields, 500_000.0)?;
    model.sliding_window = fields.whole_or("sliding_window", Some(4096))?;
    fields.windows(&mut model, |block| (block + 1).is_multiple_of(4))?;
    if let Position::Rope(rope) = &mut model.position {
        let local = local_base(fields, sliding, model.head_size, f64::from(rope.base))?;
        let differs = rope.scaling.is_some() || local != rope.base;
        rope.local_base = Some(local).filter(|_| differs && model.sliding_window.is_some());
    }
    Ok(model)
}

fn write_olmo3(model: &ModelConfig) -> Map<String, Value> {
    let mut fields = write(model);
    if let Position::Rope(rope) = &model.position {
        join_kinds(&mut fields, rope);
    }
    let own = json!({
        // Required even if no layer has a window.
        "sliding_window": model.sliding_window.unwrap_or(model.context_length),
        "layer_types": layer_types(model),
    });
    with(fields, own)
}
