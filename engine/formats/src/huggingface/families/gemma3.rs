//! Gemma 3 (Gemma Team 2025), the text model: Gemma 1 with norms before and after attention and MLP, norms of query and key heads, and
//! sliding windows in five of six blocks, which have their own base of rotary positions.

use super::super::fields::{Fields, gate_word, shortest};
use super::Family;
use super::llama::{self, Defaults};
use super::mistral::layer_types;
use glasshouse_platform::Result;
use glasshouse_protocol::{ModelConfig, NormPlacement, Position};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family {
    model_type: "gemma3_text",
    class: "Gemma3ForCausalLM",
    layer_class: "Gemma3DecoderLayer",
    read,
    write,
    ..llama::FAMILY
};

const LOCAL_BASE: f64 = 10_000.0;

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    // The files of models with an image encoder leave these out.
    fields.defaults([
        ("vocab_size", 262_208),
        ("hidden_size", 2304),
        ("intermediate_size", 9216),
        ("num_hidden_layers", 26),
        ("num_attention_heads", 8),
        ("max_position_embeddings", 131_072),
    ]);
    fields.must_be("attn_logit_softcapping", &Value::Null)?;
    fields.must_be("use_bidirectional_attention", &json!(false))?;
    let activation = fields.value("hidden_activation");
    fields.replace("hidden_act", activation);
    // transformers 5 has parameters for each kind of layer.
    let mut kinds = fields.value("rope_parameters");
    let mut of_kind = |kind: &str| kinds.get_mut(kind).map(Value::take);
    let (full, sliding) = (of_kind("full_attention"), of_kind("sliding_attention"));
    if full.is_some() || sliding.is_some() {
        fields.replace("rope_parameters", full.unwrap_or_default());
    }
    let defaults = Defaults {
        theta: 1e6,
        activation: "gelu_pytorch_tanh",
        tied: true,
        kv_heads: Some(4),
        head_size: Some(256),
        ..Defaults::LLAMA
    };
    let mut model = llama::shared(fields, defaults)?;
    let base = fields.number_or("rope_local_base_freq", LOCAL_BASE)?;
    let parameters = super::object(sliding.unwrap_or_default());
    let local =
        fields.rope_of("rope_parameters.sliding_attention", parameters, model.head_size, (base, 1.0))?;
    if local.scaling.is_some() || local.channels.is_some() {
        return Err(fields.error("only the layers of full attention can have scaled rotary positions"));
    }
    if let Position::Rope(rope) = &mut model.position {
        rope.local_base = Some(local.base);
    }
    let query_scale = fields.whole_or("query_pre_attn_scalar", Some(256))?.unwrap_or(model.head_size);
    model.attention_scale = Some(1.0 / (query_scale as f32).sqrt());
    model.logit_softcap = fields.number_or_none("final_logit_softcapping")?.map(|cap| cap as f32);
    model.embedding_scale = (model.width as f32).sqrt();
    model.qk_norm = true;
    model.norm.add_unit_offset = true;
    model.norm.placement = NormPlacement::Sandwich;
    model.bias = llama::attention_bias(fields)?;
    model.sliding_window = fields.whole_or("sliding_window", Some(4096))?;
    fields.ignore(&["_sliding_window_pattern"]);
    let pattern = fields.whole_or("sliding_window_pattern", Some(6))?.unwrap_or_default();
    fields.windows(&mut model, |block| (block + 1).is_multiple_of(pattern))?;
    Ok(model)
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let mut fields = llama::shared_fields(model);
    if let Position::Rope(rope) = &model.position {
        let local = shortest(rope.local_base.unwrap_or(rope.base));
        let full = fields.remove("rope_parameters");
        let sliding = json!({ "rope_type": "default", "rope_theta": local });
        fields.insert("rope_local_base_freq".to_owned(), json!(local));
        let kinds = json!({ "full_attention": full, "sliding_attention": sliding });
        fields.insert("rope_parameters".to_owned(), kinds);
    }
    let query_scale = crate::attention_scale(model).powi(-2).round();
    for (name, value) in [
        ("hidden_activation", json!(gate_word(model.mlp.gate))),
        ("query_pre_attn_scalar", json!(query_scale as u64)),
        ("final_logit_softcapping", json!(model.logit_softcap.map(shortest))),
        ("attention_bias", json!(model.bias.qkv)),
        // Required even if no layer has a window.
        ("sliding_window", json!(model.sliding_window.unwrap_or(model.context_length))),
        ("layer_types", layer_types(model)),
    ] {
        fields.insert(name.to_owned(), value);
    }
    fields
}
