//! Qwen2 and Qwen2.5 (Yang et al. 2024): Llama with biases on queries, keys and values.

use super::super::fields::Fields;
use super::Family;
use super::llama::{self, Defaults};
use crate::error::Result;
use glasshouse_protocol::{Bias, ModelConfig};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family {
    model_type: "qwen2",
    class: "Qwen2ForCausalLM",
    layer_class: "Qwen2DecoderLayer",
    read,
    write,
    padded_biases: |bias| (Bias { qkv: true, ..bias }, false),
    ..llama::FAMILY
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let model = llama::shared(fields, Defaults { kv_heads: Some(32), ..Defaults::LLAMA })?;
    no_window(fields)?;
    Ok(ModelConfig { bias: Bias { qkv: true, ..Bias::default() }, ..model })
}

/// Refuses windows, which these classes have in some layers alone.
pub(super) fn no_window(fields: &mut Fields) -> Result<()> {
    fields.must_be("use_sliding_window", &json!(false))?;
    fields.ignore(&["sliding_window", "max_window_layers"]);
    fields.full_attention_everywhere()
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let mut fields = llama::shared_fields(model);
    fields.insert("use_sliding_window".to_owned(), json!(false));
    fields
}
