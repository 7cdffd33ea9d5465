//! Mistral 7B (Jiang et al. 2023): Llama with a sliding window; and Ministral (Mistral AI 2024), which has it in some blocks.

use super::super::fields::Fields;
use super::llama::{self, Defaults};
use super::{Family, with};
use glasshouse_platform::Result;
use glasshouse_protocol::ModelConfig;
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family {
    model_type: "mistral",
    class: "MistralForCausalLM",
    layer_class: "MistralDecoderLayer",
    read,
    write,
    ..llama::FAMILY
};

/// The class for a Mistral with `layer_types`.
pub(super) const MINISTRAL: Family = Family {
    model_type: "ministral",
    class: "MinistralForCausalLM",
    layer_class: "MinistralDecoderLayer",
    read: read_ministral,
    write: |model| with(write(model), json!({ "layer_types": layer_types(model) })),
    ..llama::FAMILY
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let model = llama::shared(fields, Defaults { kv_heads: Some(8), ..Defaults::LLAMA })?;
    let sliding_window = fields.whole_or("sliding_window", Some(4096))?;
    Ok(ModelConfig { sliding_window, ..model })
}

pub(super) fn write(model: &ModelConfig) -> Map<String, Value> {
    with(llama::shared_fields(model), json!({ "sliding_window": model.sliding_window }))
}

fn read_ministral(fields: &mut Fields) -> Result<ModelConfig> {
    let mut model = read(fields)?;
    // Without `layer_types`, all blocks have a sliding window.
    fields.windows(&mut model, |_| false)?;
    Ok(model)
}

/// Attention type of each block, in transformers' naming.
pub(super) fn layer_types(model: &ModelConfig) -> Value {
    let is_full = |block| model.sliding_window.is_none() || model.full_attention.contains(&block);
    let kind = |block| if is_full(block) { "full_attention" } else { "sliding_attention" };
    (0..model.layers).map(kind).collect()
}
