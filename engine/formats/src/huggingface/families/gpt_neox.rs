//! GPT-NeoX and Pythia (Black et al. 2022, Biderman et al. 2023): LayerNorm, partial rotary positions, parallel attention and
//! MLP. Queries, keys and values are stored head by head.

use super::super::fields::{Fields, activation_word, rope_fields, shortest};
use super::{Family, GPT, object, rotary_order};
use crate::tensors::{
    BiasRule::{Always, AsOurs},
    Rows, TensorTable,
};
use glasshouse_platform::Result;
use glasshouse_protocol::model::Dropout;
use glasshouse_protocol::{Bias, Gate, Mlp, ModelConfig, NormConfig, Position, Residual};
use serde_json::{Map, Value, json};
use std::rc::Rc;

pub(super) const FAMILY: Family = Family {
    model_type: "gpt_neox",
    class: "GPTNeoXForCausalLM",
    layer_class: "GPTNeoXLayer",
    prefix: "gpt_neox.",
    read,
    write,
    tensors,
    padded_biases: |bias| (Bias { mlp: true, ..bias }, true),
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let shape = fields.gpt(GPT)?;
    let theta = fields.number_or("rotary_emb_base", 10_000.0)?;
    let (theta, share) = (fields.number_or("rope_theta", theta)?, fields.number_or("rotary_pct", 0.25)?);
    let attention = fields.flag_or("attention_bias", true)?;
    let parallel = fields.flag_or("use_parallel_residual", true)?;
    Ok(ModelConfig {
        norm: NormConfig { eps: fields.number_or("layer_norm_eps", 1e-5)? as f32, bias: true, ..shape.norm },
        position: Position::Rope(fields.rope(shape.head_size, theta, share)?),
        mlp: Mlp {
            hidden: fields.whole("intermediate_size")?,
            activation: fields.activation("hidden_act", "gelu")?,
            gate: Gate::None,
        },
        residual: if parallel { Residual::Parallel } else { Residual::Sequential },
        bias: Bias { qkv: attention, output: attention, mlp: true, head: false },
        tied_head: fields.flag_or("tie_word_embeddings", false)?,
        dropout: Dropout {
            attention: fields.number_or("attention_dropout", 0.0)? as f32,
            embedding: fields.number_or("hidden_dropout", 0.0)? as f32,
            residual: fields.number_or("hidden_dropout", 0.0)? as f32,
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
        "intermediate_size": model.mlp.hidden,
        "hidden_act": activation_word(model.mlp.activation),
        "layer_norm_eps": shortest(model.norm.eps),
        "attention_dropout": shortest(model.dropout.attention),
        "hidden_dropout": shortest(model.dropout.residual),
        "attention_bias": model.bias.qkv,
        "use_parallel_residual": model.residual == Residual::Parallel,
        "tie_word_embeddings": model.tied_head,
    }));
    if let Position::Rope(rope) = &model.position {
        fields.extend(rope_fields(rope, Some(("rotary_pct", model.head_size))));
        fields.insert("rotary_emb_base".to_owned(), json!(shortest(rope.base)));
    }
    fields
}

fn tensors(model: &ModelConfig, table: &mut TensorTable<'_>) {
    let size = model.head_size;
    let order = rotary_order(model);
    // Their layout: queries, keys and values of each head. Values are not rotated.
    let row = |head: usize, part: usize, channel: usize| {
        let channel = if part == 2 { channel } else { order[channel] };
        (part * model.heads + head) * size + channel
    };
    let rows: Rc<[usize]> = (0..model.heads)
        .flat_map(|head| (0..3).map(move |part| (head, part)))
        .flat_map(|(head, part)| (0..size).map(move |channel| (head, part, channel)))
        .map(|(head, part, channel)| row(head, part, channel))
        .collect();
    let rows = Rows::Listed(rows);
    table.whole("gpt_neox.embed_in.weight", "embedding.tokens");
    for block in 0..model.layers {
        let (ours, theirs) = (format!("blocks.{block}"), format!("gpt_neox.layers.{block}"));
        table.norm(&format!("{theirs}.input_layernorm"), &format!("{ours}.attention.norm"), Always);
        table.norm(&format!("{theirs}.post_attention_layernorm"), &format!("{ours}.mlp.norm"), Always);
        let (qkv, theirs_qkv) =
            (format!("{ours}.attention.qkv"), format!("{theirs}.attention.query_key_value"));
        table.rows(&theirs_qkv, &qkv, rows.clone(), AsOurs);
        table.linear(&format!("{theirs}.attention.dense"), &format!("{ours}.attention.output"), AsOurs);
        table.linear(&format!("{theirs}.mlp.dense_h_to_4h"), &format!("{ours}.mlp.up"), Always);
        table.linear(&format!("{theirs}.mlp.dense_4h_to_h"), &format!("{ours}.mlp.down"), Always);
    }
    table.norm("gpt_neox.final_layer_norm", "norm", Always);
    table.whole("embed_out.weight", "head.weight");
}
