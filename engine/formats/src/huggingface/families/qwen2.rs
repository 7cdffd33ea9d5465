//! Qwen2 and Qwen2.5 (Yang et al. 2024): Llama with biases on queries, keys and values.

use super::super::fields::Fields;
use super::llama::{self, Defaults};
use super::mistral::layer_types;
use super::{Family, with};
use glasshouse_platform::Result;
use glasshouse_protocol::{Bias, ModelConfig};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family {
    model_type: "qwen2",
    class: "Qwen2ForCausalLM",
    layer_class: "Qwen2DecoderLayer",
    read,
    write: window_fields,
    padded_biases: |bias| (Bias { qkv: true, ..bias }, false),
    ..llama::FAMILY
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let model = llama::shared(fields, Defaults { kv_heads: Some(32), ..Defaults::LLAMA })?;
    windows(fields, ModelConfig { bias: Bias { qkv: true, ..Bias::default() }, ..model })
}

/// Sets the sliding windows: in blocks after the first `max_window_layers`, or according to `layer_types`.
pub(super) fn windows(fields: &mut Fields, mut model: ModelConfig) -> Result<ModelConfig> {
    let slides = fields.flag_or("use_sliding_window", false)?;
    model.sliding_window = fields.whole_or("sliding_window", Some(4096))?.filter(|_| slides);
    let first = fields.whole_or_none("max_window_layers")?.unwrap_or(28);
    fields.windows(&mut model, |block| block < first)?;
    Ok(model)
}

pub(super) fn window_fields(model: &ModelConfig) -> Map<String, Value> {
    let slides = model.sliding_window.is_some();
    let fields = with(llama::shared_fields(model), json!({ "use_sliding_window": slides }));
    if !slides {
        return fields;
    }
    with(fields, json!({ "sliding_window": model.sliding_window, "layer_types": layer_types(model) }))
}
