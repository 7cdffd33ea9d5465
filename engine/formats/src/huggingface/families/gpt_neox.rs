//! GPT-NeoX and Pythia (Black et al. 2022, Biderman et al. 2023): LayerNorm, partial rotary positions, parallel attention and
//! MLP. Queries, keys and values are stored head by head.

use super::super::fields::{Fields, rope_fields, shortest};
use super::gpt2::Names;
use super::{Family, rotary_order, with};
use crate::tensors::{
    BiasRule::{Always, AsOurs},
    Rows, TensorTable,
};
use glasshouse_platform::Result;
use glasshouse_protocol::{Bias, ModelConfig, Position, Residual};
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

const NAMES: Names =
    Names { dropout: ["hidden_dropout", "attention_dropout", "hidden_dropout"], ..Names::USUAL };

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    fields.whole(NAMES.hidden)?;
    let model = NAMES.read(fields, "gelu", 0.0, false)?;
    let theta = fields.number_or("rotary_emb_base", 10_000.0)?;
    let (theta, share) = (fields.number_or("rope_theta", theta)?, fields.number_or("rotary_pct", 0.25)?);
    let attention = fields.flag_or("attention_bias", true)?;
    let parallel = fields.flag_or("use_parallel_residual", true)?;
    Ok(ModelConfig {
        position: Position::Rope(fields.rope(model.head_size, theta, share)?),
        residual: if parallel { Residual::Parallel } else { Residual::Sequential },
        bias: Bias { qkv: attention, output: attention, mlp: true, head: false },
        ..model
    })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let parallel = model.residual == Residual::Parallel;
    let own = json!({ "attention_bias": model.bias.qkv, "use_parallel_residual": parallel });
    let mut fields = with(NAMES.write(model), own);
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
    table.blocks(model.layers, "gpt_neox.layers", |block| {
        block.layers(
            Always,
            &[("input_layernorm", "attention.norm"), ("post_attention_layernorm", "mlp.norm")],
        );
        block.rows("attention.query_key_value", "attention.qkv", rows.clone(), AsOurs);
        block.layers(AsOurs, &[("attention.dense", "attention.output")]);
        block.layers(Always, &[("mlp.dense_h_to_4h", "mlp.up"), ("mlp.dense_4h_to_h", "mlp.down")]);
    });
    table.layers(Always, &[("gpt_neox.final_layer_norm", "norm")]);
    table.whole("embed_out.weight", "head.weight");
}
