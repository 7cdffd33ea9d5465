//! Mistral 7B (Jiang et al. 2023): Llama with a sliding window.

use super::super::fields::Fields;
use super::Family;
use super::llama::{self, Defaults};
use crate::error::Result;
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

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let model = llama::shared(fields, Defaults { kv_heads: Some(8), ..Defaults::LLAMA })?;
    let sliding_window = fields.whole_or("sliding_window", Some(4096))?;
    Ok(ModelConfig { sliding_window, ..model })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let mut fields = llama::shared_fields(model);
    fields.insert("sliding_window".to_owned(), json!(model.sliding_window));
    fields
}
