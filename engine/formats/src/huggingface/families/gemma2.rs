//! Gemma 2 (Gemma Team 2024): Gemma 1 with norms before and after attention and MLP, soft caps on attention scores and logits, and a
//! sliding window in every second block.

use super::super::fields::{Fields, gate_word, shortest};
use super::llama::{self, Defaults};
use super::mistral::layer_types;
use super::{Family, with};
use glasshouse_platform::Result;
use glasshouse_protocol::{ModelConfig, NormPlacement};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family {
    model_type: "gemma2",
    class: "Gemma2ForCausalLM",
    layer_class: "Gemma2DecoderLayer",
    read,
    write,
    ..llama::FAMILY
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    fields.defaults([("vocab_size", 256_000), ("max_position_embeddings", 8192)]);
    for (name, cap) in [("attn_logit_softcapping", 50.0), ("final_logit_softcapping", 30.0)] {
        if !fields.has(name) {
            fields.replace(name, json!(cap));
        }
    }
    // In some files; the class reads `sliding_window`.
    fields.ignore(&["sliding_window_size"]);
    let mut model = shared(fields, 10_000.0, 2)?;
    model.attention_softcap = fields.number_or_none("attn_logit_softcapping")?.map(|cap| cap as f32);
    Ok(model)
}

/// Reads the settings that Gemma 2 and 3 share, with the base of rotary positions and the pattern of blocks with full attention.
pub(super) fn shared(fields: &mut Fields, theta: f64, pattern: usize) -> Result<ModelConfig> {
    fields.defaults([
        ("hidden_size", 2304),
        ("intermediate_size", 9216),
        ("num_hidden_layers", 26),
        ("num_attention_heads", 8),
    ]);
    fields.must_be("use_bidirectional_attention", &json!(false))?;
    let activation = fields.value("hidden_activation");
    fields.replace("hidden_act", activation);
    let defaults = Defaults {
        theta,
        activation: "gelu_pytorch_tanh",
        tied: true,
        kv_heads: Some(4),
        head_size: Some(256),
        ..Defaults::LLAMA
    };
    let mut model = llama::shared(fields, defaults)?;
    let query_scale = fields.whole_or("query_pre_attn_scalar", Some(256))?.unwrap_or(model.head_size);
    model.attention_scale = Some(1.0 / (query_scale as f32).sqrt());
    model.logit_softcap = fields.number_or_none("final_logit_softcapping")?.map(|cap| cap as f32);
    model.embedding_scale = (model.width as f32).sqrt();
    model.norm.add_unit_offset = true;
    model.norm.placement = NormPlacement::Sandwich;
    model.bias = llama::attention_bias(fields)?;
    model.sliding_window = fields.whole_or("sliding_window", Some(4096))?;
    fields.windows(&mut model, |block| (block + 1).is_multiple_of(pattern))?;
    Ok(model)
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let cap = model.attention_softcap.map(shortest);
    with(shared_fields(model), json!({ "attn_logit_softcapping": cap }))
}

pub(super) fn shared_fields(model: &ModelConfig) -> Map<String, Value> {
    let query_scale = crate::attention_scale(model).powi(-2).round();
    let own = json!({
        "hidden_activation": gate_word(model.mlp.gate),
        "query_pre_attn_scalar": query_scale as u64,
        "final_logit_softcapping": model.logit_softcap.map(shortest),
        "attention_bias": model.bias.qkv,
        // Required even if no layer has a window.
        "sliding_window": model.sliding_window.unwrap_or(model.context_length),
        "layer_types": layer_types(model),
    });
    with(llama::shared_fields(model), own)
}
