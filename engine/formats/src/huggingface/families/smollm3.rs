//! SmolLM3 (Hugging Face 2025): Llama without rotary positions in every fourth layer. (SmolLM2 is a Llama.)

use super::super::fields::Fields;
use super::llama::{self, Defaults};
use super::{Family, llama_like, with};
use glasshouse_platform::Result;
use glasshouse_protocol::{Bias, ModelConfig, Position};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = llama_like!("smollm3", "SmolLM3", read, write);

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let defaults = Defaults { theta: 2_000_000.0, tied: true, kv_heads: Some(4), ..Defaults::LLAMA };
    let mut model = llama::shared(fields, defaults)?;
    fields.must_be("use_sliding_window", &json!(false))?;
    fields.ignore(&["sliding_window"]);
    fields.full_attention_everywhere()?;
    let skip_every = fields.whole_or_none("no_rope_layer_interval")?.unwrap_or(4);
    if let Position::Rope(rope) = &mut model.position {
        rope.skip_every = skip_every;
        let pattern: Vec<u8> = (0..model.layers).map(|layer| u8::from(rope.turns(layer))).collect();
        let all: Vec<u8> = vec![1; model.layers];
        // A list overrides the interval; 1 means that the layer has rotary positions.
        if fields.is("no_rope_layers", &json!(all)) {
            rope.skip_every = 0;
        } else {
            fields.must_be("no_rope_layers", &json!(pattern))?;
        }
    }
    model.bias = Bias { mlp: fields.flag_or("mlp_bias", false)?, ..llama::attention_bias(fields)? };
    Ok(model)
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let mut fields = llama::shared_fields(model);
    if let Position::Rope(rope) = &model.position {
        let pattern: Vec<u8> = (0..model.layers).map(|layer| u8::from(rope.turns(layer))).collect();
        fields.insert("no_rope_layers".to_owned(), json!(pattern));
        if rope.skip_every > 0 {
            fields.insert("no_rope_layer_interval".to_owned(), json!(rope.skip_every));
        }
    }
    with(fields, json!({ "attention_bias": model.bias.qkv, "mlp_bias": model.bias.mlp }))
}
