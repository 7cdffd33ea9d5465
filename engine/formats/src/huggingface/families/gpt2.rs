//! GPT-2 (Radford et al. 2019): LayerNorm, learned positions, a plain MLP, biases everywhere. Linear layers are stored [in, out].

use super::super::fields::{Fields, activation_word, shortest};
use super::{Family, object};
use crate::tensors::{BiasRule::Always, TensorTable};
use glasshouse_platform::Result;
use glasshouse_protocol::model::Dropout;
use glasshouse_protocol::{Bias, Gate, Mlp, ModelConfig, NormConfig};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family {
    model_type: "gpt2",
    class: "GPT2LMHeadModel",
    layer_class: "GPT2Block",
    prefix: "transformer.",
    read,
    write,
    tensors,
    padded_biases: |bias| (Bias { head: bias.head, ..true.into() }, true),
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let shape = fields.gpt(["n_embd", "n_head", "n_positions", "n_layer"])?;
    fields.must_be("scale_attn_weights", &json!(true))?;
    fields.must_be("scale_attn_by_inverse_layer_idx", &json!(false))?;
    fields.must_be("add_cross_attention", &json!(false))?;
    Ok(ModelConfig {
        norm: NormConfig {
            eps: fields.number_or("layer_norm_epsilon", 1e-5)? as f32,
            bias: true,
            ..shape.norm
        },
        mlp: Mlp {
            hidden: fields.whole_or_none("n_inner")?.unwrap_or(4 * shape.width),
            activation: fields.activation("activation_function", "gelu_new")?,
            gate: Gate::None,
        },
        bias: true.into(),
        tied_head: fields.flag_or("tie_word_embeddings", true)?,
        dropout: Dropout {
            embedding: fields.number_or("embd_pdrop", 0.1)? as f32,
            attention: fields.number_or("attn_pdrop", 0.1)? as f32,
            residual: fields.number_or("resid_pdrop", 0.1)? as f32,
        },
        ..shape
    })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    object(json!({
        "n_positions": model.context_length,
        "n_ctx": model.context_length,
        "n_embd": model.width,
        "n_layer": model.layers,
        "n_head": model.heads,
        "n_inner": model.mlp.hidden,
        "activation_function": activation_word(model.mlp.activation),
        "layer_norm_epsilon": shortest(model.norm.eps),
        "embd_pdrop": shortest(model.dropout.embedding),
        "attn_pdrop": shortest(model.dropout.attention),
        "resid_pdrop": shortest(model.dropout.residual),
        "vocab_size": model.vocabulary,
        "tie_word_embeddings": model.tied_head,
    }))
}

fn tensors(model: &ModelConfig, table: &mut TensorTable<'_>) {
    table.whole("transformer.wte.weight", "embedding.tokens");
    table.whole("transformer.wpe.weight", "embedding.positions");
    for block in 0..model.layers {
        let (ours, theirs) = (format!("blocks.{block}"), format!("transformer.h.{block}"));
        for (part, their_part) in [("attention.norm", "ln_1"), ("mlp.norm", "ln_2")] {
            table.norm(&format!("{theirs}.{their_part}"), &format!("{ours}.{part}"), Always);
        }
        for (part, their_part) in [
            ("attention.qkv", "attn.c_attn"),
            ("attention.output", "attn.c_proj"),
            ("mlp.up", "mlp.c_fc"),
            ("mlp.down", "mlp.c_proj"),
        ] {
            table.transposed(&format!("{theirs}.{their_part}"), &format!("{ours}.{part}"), Always);
        }
    }
    table.norm("transformer.ln_f", "norm", Always);
    table.whole("lm_head.weight", "head.weight");
}
