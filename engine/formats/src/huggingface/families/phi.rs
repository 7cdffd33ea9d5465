//! Phi-1, 1.5 and 2 (Gunasekar et al. 2023): LayerNorm, partial rotary positions, parallel attention and MLP after a single norm,
//! biases everywhere including the head.

use super::super::fields::{Fields, rope_fields};
use super::gpt2::Names;
use super::{Family, rotary_order, with};
use crate::tensors::{BiasRule::Always, Rows, TensorTable};
use glasshouse_platform::Result;
use glasshouse_protocol::{Bias, ModelConfig, Position, Residual};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family {
    model_type: "phi",
    class: "PhiForCausalLM",
    layer_class: "PhiDecoderLayer",
    prefix: "model.",
    read,
    write,
    tensors,
    padded_biases: |_| (Bias { head: true, ..true.into() }, true),
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    fields.whole(Names::USUAL.hidden)?;
    let model = Names::USUAL.read(fields, "gelu_new", 0.0, false)?;
    fields.must_be("qk_layernorm", &json!(false))?;
    let (theta, share) =
        (fields.number_or("rope_theta", 10_000.0)?, fields.number_or("partial_rotary_factor", 0.5)?);
    Ok(ModelConfig {
        kv_heads: fields.whole_or_none("num_key_value_heads")?.unwrap_or(model.heads),
        position: Position::Rope(fields.rope(model.head_size, theta, share)?),
        residual: Residual::ParallelOneNorm,
        bias: Bias { head: true, ..true.into() },
        ..model
    })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let mut fields = with(Names::USUAL.write(model), json!({ "num_key_value_heads": model.kv_heads }));
    if let Position::Rope(rope) = &model.position {
        fields.extend(rope_fields(rope, Some(("partial_rotary_factor", model.head_size))));
    }
    fields
}

fn tensors(model: &ModelConfig, table: &mut TensorTable<'_>) {
    let order = rotary_order(model);
    let (queries, keys) = (model.heads * model.head_size, model.kv_heads * model.head_size);
    let query_rows = Rows::from_heads(0, model.heads, &order);
    let key_rows = Rows::from_heads(queries, model.kv_heads, &order);
    table.whole("model.embed_tokens.weight", "embedding.tokens");
    table.blocks(model.layers, "model.layers", |block| {
        block.layers(Always, &[("input_layernorm", "attention.norm")]);
        for (part, rows) in [
            ("q_proj", query_rows.clone()),
            ("k_proj", key_rows.clone()),
            ("v_proj", Rows::Range(queries + keys..queries + 2 * keys)),
        ] {
            block.rows(&format!("self_attn.{part}"), "attention.qkv", rows, Always);
        }
        block.layers(Always, &[("self_attn.dense", "attention.output")]);
        block.layers(Always, &[("mlp.fc1", "mlp.up"), ("mlp.fc2", "mlp.down")]);
    });
    table.layers(Always, &[("model.final_layernorm", "norm"), ("lm_head", "head")]);
    if model.tied_head {
        table.whole("lm_head.bias", "head.bias");
    }
}
