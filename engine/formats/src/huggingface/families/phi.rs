//! Phi-1, 1.5 and 2 (Gunasekar et al. 2023): LayerNorm, partial rotary positions, parallel attention and MLP after a single norm,
//! biases everywhere including the head.

use super::super::fields::{Fields, activation_word, rope_fields, shortest};
use super::{Family, GPT, object, rotary_order};
use crate::tensors::{BiasRule::Always, Rows, TensorTable};
use glasshouse_platform::Result;
use glasshouse_protocol::model::Dropout;
use glasshouse_protocol::{Bias, Gate, Mlp, ModelConfig, NormConfig, Position, Residual};
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
    let shape = fields.gpt(GPT)?;
    fields.must_be("qk_layernorm", &json!(false))?;
    let (theta, share) =
        (fields.number_or("rope_theta", 10_000.0)?, fields.number_or("partial_rotary_factor", 0.5)?);
    let rope = fields.rope(shape.head_size, theta, share)?;
    Ok(ModelConfig {
        kv_heads: fields.whole_or_none("num_key_value_heads")?.unwrap_or(shape.heads),
        norm: NormConfig { eps: fields.number_or("layer_norm_eps", 1e-5)? as f32, bias: true, ..shape.norm },
        position: Position::Rope(rope),
        mlp: Mlp {
            hidden: fields.whole("intermediate_size")?,
            activation: fields.activation("hidden_act", "gelu_new")?,
            gate: Gate::None,
        },
        residual: Residual::ParallelOneNorm,
        bias: Bias { head: true, ..true.into() },
        tied_head: fields.flag_or("tie_word_embeddings", false)?,
        dropout: Dropout {
            attention: fields.number_or("attention_dropout", 0.0)? as f32,
            embedding: fields.number_or("embd_pdrop", 0.0)? as f32,
            residual: fields.number_or("resid_pdrop", 0.0)? as f32,
        },
        ..shape
    })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let mut fields = object(json!({
        "vocab_size": model.vocabulary,
        "max_position_embeddings": model.context_length,
        "hidden_size": model.width,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.kv_heads,
        "intermediate_size": model.mlp.hidden,
        "hidden_act": activation_word(model.mlp.activation),
        "layer_norm_eps": shortest(model.norm.eps),
        "attention_dropout": shortest(model.dropout.attention),
        "embd_pdrop": shortest(model.dropout.embedding),
        "resid_pdrop": shortest(model.dropout.residual),
        "tie_word_embeddings": model.tied_head,
    }));
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
    for block in 0..model.layers {
        let (ours, theirs) = (format!("blocks.{block}"), format!("model.layers.{block}"));
        table.norm(&format!("{theirs}.input_layernorm"), &format!("{ours}.attention.norm"), Always);
        for (part, rows) in [
            ("q_proj", query_rows.clone()),
            ("k_proj", key_rows.clone()),
            ("v_proj", Rows::Range(queries + keys..queries + 2 * keys)),
        ] {
            table.rows(&format!("{theirs}.self_attn.{part}"), &format!("{ours}.attention.qkv"), rows, Always);
        }
        table.linear(&format!("{theirs}.self_attn.dense"), &format!("{ours}.attention.output"), Always);
        table.linear(&format!("{theirs}.mlp.fc1"), &format!("{ours}.mlp.up"), Always);
        table.linear(&format!("{theirs}.mlp.fc2"), &format!("{ours}.mlp.down"), Always);
    }
    table.norm("model.final_layernorm", "norm", Always);
    table.linear("lm_head", "head", Always);
    if model.tied_head {
        table.whole("lm_head.bias", "head.bias");
    }
}
