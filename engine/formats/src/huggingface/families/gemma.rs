//! Gemma 1 (Gemma Team 2024): Llama with scaled embeddings, norms of 1 + weight, and a GELU gate.

use super::super::fields::{Fields, gate_word, shortest};
use super::llama::{self, Defaults};
use super::mistral::layer_types;
use super::{Family, llama_like, object, with};
use glasshouse_platform::Result;
use glasshouse_protocol::{Gate, ModelConfig, NormPlacement, Position, Rope};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = llama_like!("gemma", "Gemma", read, write);

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

/// Gemma 2 (Gemma Team 2024): Gemma 1 with norms before and after attention and MLP, soft caps on attention scores and logits, and a
/// sliding window in every second block.
pub(super) const GEMMA2: Family = llama_like!("gemma2", "Gemma2", read_gemma2, write_gemma2);

fn read_gemma2(fields: &mut Fields) -> Result<ModelConfig> {
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
fn shared(fields: &mut Fields, theta: f64, pattern: usize) -> Result<ModelConfig> {
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

fn write_gemma2(model: &ModelConfig) -> Map<String, Value> {
    let cap = model.attention_softcap.map(shortest);
    with(shared_fields(model), json!({ "attn_logit_softcapping": cap }))
}

fn shared_fields(model: &ModelConfig) -> Map<String, Value> {
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

/// Gemma 3 (Gemma Team 2025), the text model: Gemma 2 without a cap on attention scores, with norms of query and key heads, and with
/// sliding windows in five of six blocks, which have their own base of rotary positions.
pub(super) const GEMMA3: Family = llama_like!("gemma3_text", "Gemma3", read_gemma3, write_gemma3);

const LOCAL_BASE: f64 = 10_000.0;

fn read_gemma3(fields: &mut Fields) -> Result<ModelConfig> {
    // The files of models with an image encoder leave these out.
    fields.defaults([("vocab_size", 262_208), ("max_position_embeddings", 131_072)]);
    fields.must_be("attn_logit_softcapping", &Value::Null)?;
    let sliding = split_kinds(fields);
    fields.ignore(&["_sliding_window_pattern"]);
    let pattern = fields.whole_or("sliding_window_pattern", Some(6))?.unwrap_or_default();
    let mut model = shared(fields, 1e6, pattern)?;
    let base = fields.number_or("rope_local_base_freq", LOCAL_BASE)?;
    let local = local_base(fields, sliding, model.head_size, base)?;
    if let Position::Rope(rope) = &mut model.position {
        rope.local_base = Some(local);
    }
    model.qk_norm = true;
    Ok(model)
}

/// Makes `rope_parameters` those of full attention, if there are some for each kind of layer, as in transformers 5; returns those of
/// sliding windows.
pub(super) fn split_kinds(fields: &mut Fields) -> Map<String, Value> {
    let mut kinds = fields.value("rope_parameters");
    let mut of_kind = |kind: &str| kinds.get_mut(kind).map(Value::take);
    let (full, sliding) = (of_kind("full_attention"), of_kind("sliding_attention"));
    if full.is_some() || sliding.is_some() {
        fields.replace("rope_parameters", full.unwrap_or_default());
    }
    object(sliding.unwrap_or_default())
}

/// Base of rotary positions in layers with a sliding window.
pub(super) fn local_base(
    fields: &mut Fields,
    parameters: Map<String, Value>,
    head_size: usize,
    base: f64,
) -> Result<f32> {
    let local = fields.rope_of("rope_parameters.sliding_attention", parameters, head_size, (base, 1.0))?;
    if local.scaling.is_some() || local.channels.is_some() {
        return Err(fields.error("only the layers of full attention can have scaled rotary positions"));
    }
    Ok(local.base)
}

fn write_gemma3(model: &ModelConfig) -> Map<String, Value> {
    let mut fields = shared_fields(model);
    if let Position::Rope(rope) = &model.position {
        let local = join_kinds(&mut fields, rope);
        fields.insert("rope_local_base_freq".to_owned(), json!(local));
    }
    fields
}

/// Writes the parameters of rotary positions for each kind of layer. Returns the base of those with a sliding window.
pub(super) fn join_kinds(fields: &mut Map<String, Value>, rope: &Rope) -> f64 {
    let local = shortest(rope.local_base.unwrap_or(rope.base));
    let full = fields.remove("rope_parameters");
    let sliding = json!({ "rope_type": "default", "rope_theta": local });
    let kinds = json!({ "full_attention": full, "sliding_attention": sliding });
    fields.insert("rope_parameters".to_owned(), kinds);
    local
}
