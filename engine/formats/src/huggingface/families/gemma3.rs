//! Gemma 3 (Gemma Team 2025), the text model: Gemma 2 without a cap on attention scores, with norms of query and key heads, and with
//! sliding windows in five of six blocks, which have their own base of rotary positions.

use super::super::fields::{Fields, shortest};
use super::Family;
use super::gemma2::{shared, shared_fields};
use super::llama;
use glasshouse_platform::Result;
use glasshouse_protocol::{ModelConfig, Position};
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
    fields.defaults([("vocab_size", 262_208), ("max_position_embeddings", 131_072)]);
    fields.must_be("attn_logit_softcapping", &Value::Null)?;
    // transformers 5 has parameters for each kind of layer.
    let mut kinds = fields.value("rope_parameters");
    let mut of_kind = |kind: &str| kinds.get_mut(kind).map(Value::take);
    let (full, sliding) = (of_kind("full_attention"), of_kind("sliding_attention"));
    if full.is_some() || sliding.is_some() {
        fields.replace("rope_parameters", full.unwrap_or_default());
    }
    fields.ignore(&["_sliding_window_pattern"]);
    let pattern = fields.whole_or("sliding_window_pattern", Some(6))?.unwrap_or_default();
    let mut model = shared(fields, 1e6, pattern)?;
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
    model.qk_norm = true;
    Ok(model)
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let mut fields = shared_fields(model);
    if let Position::Rope(rope) = &model.position {
        let local = shortest(rope.local_base.unwrap_or(rope.base));
        let full = fields.remove("rope_parameters");
        let sliding = json!({ "rope_type": "default", "rope_theta": local });
        fields.insert("rope_local_base_freq".to_owned(), json!(local));
        let kinds = json!({ "full_attention": full, "sliding_attention": sliding });
        fields.insert("rope_parameters".to_owned(), kinds);
    }
    fields
}
