//! Qwen3 (Yang et al. 2025): Llama with RMSNorm on query and key heads.

use super::super::fields::Fields;
use super::llama::{self, Defaults};
use super::qwen2::{window_fields, windows};
use super::{Family, with};
use glasshouse_platform::Result;
use glasshouse_protocol::ModelConfig;
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family {
    model_type: "qwen3",
    class: "Qwen3ForCausalLM",
    layer_class: "Qwen3DecoderLayer",
    read,
    write,
    ..llama::FAMILY
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let defaults = Defaults { kv_heads: Some(32), head_size: Some(128), ..Defaults::LLAMA };
    let model = llama::shared(fields, defaults)?;
    let bias = llama::attention_bias(fields)?;
    windows(fields, ModelConfig { qk_norm: true, bias, ..model })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    with(window_fields(model), json!({ "attention_bias": model.bias.qkv }))
}
