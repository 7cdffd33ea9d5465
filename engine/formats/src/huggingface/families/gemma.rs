//! Gemma 1 (Gemma Team 2024): Llama with scaled embeddings, norms of 1 + weight, and a GELU gate.

use super::super::fields::Fields;
use super::llama::{self, Defaults};
use super::{Family, with};
use glasshouse_platform::Result;
use glasshouse_protocol::{Gate, ModelConfig};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family {
    model_type: "gemma",
    class: "GemmaForCausalLM",
    layer_class: "GemmaDecoderLayer",
    read,
    write,
    ..llama::FAMILY
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    // The first files say `gelu` but mean its tanh approximation.
    if fields.is("hidden_act", &json!("gelu")) {
        fields.replace("hidden_act", json!("gelu_pytorch_tanh"));
    }
    fields.must_be("hidden_activation", &json!("gelu_pytorch_tanh"))?;
    fields.must_be("use_bidirectional_attention", &json!(false))?;
    let defaults = Defaults {
        activation: "gelu_pytorch_tanh",
        tied: true,
        kv_heads: Some(16),
        head_size: Some(256),
        ..Defaults::LLAMA
    };
    let mut model = llama::shared(fields, defaults)?;
    fields.full_attention_everywhere()?;
    model.embedding_scale = (model.width as f32).sqrt();
    model.norm.add_unit_offset = true;
    model.bias = llama::attention_bias(fields)?;
    Ok(model)
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let mut fields = with(llama::shared_fields(model), json!({ "attention_bias": model.bias.qkv }));
    if model.mlp.gate == Gate::Geglu {
        fields.insert("hidden_activation".to_owned(), json!("gelu_pytorch_tanh"));
    }
    fields
}
