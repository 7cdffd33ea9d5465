//! GPT-Neo (Black et al. 2021) and the TinyStories models (Eldan and Li 2023): GPT-2 with unscaled attention, whose blocks alternate
//! between the whole context and a sliding window.

use super::super::fields::{Fields, activation_word, shortest};
use super::{Family, object};
use crate::tensors::{
    BiasRule::{Always, AsOurs},
    Rows, TensorTable,
};
use glasshouse_platform::Result;
use glasshouse_protocol::model::Dropout;
use glasshouse_protocol::{Bias, Gate, Mlp, ModelConfig, NormConfig};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family {
    model_type: "gpt_neo",
    class: "GPTNeoForCausalLM",
    layer_class: "GPTNeoBlock",
    prefix: "transformer.",
    read,
    write,
    tensors,
    padded_biases: |bias| (Bias { output: true, mlp: true, ..bias }, true),
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let shape = fields.gpt(["hidden_size", "num_heads", "max_position_embeddings", "num_layers"])?;
    let layers = shape.layers;
    let mut rate = |name| fields.number_or(name, 0.0).map(|rate| rate as f32);
    let dropout = Dropout {
        embedding: rate("embed_dropout")?,
        attention: rate("attention_dropout")?,
        residual: rate("resid_dropout")?,
    };
    let mut model = ModelConfig {
        attention_scale: Some(1.0),
        sliding_window: fields.whole_or("window_size", Some(256))?,
        norm: NormConfig {
            eps: fields.number_or("layer_norm_epsilon", 1e-5)? as f32,
            bias: true,
            ..shape.norm
        },
        mlp: Mlp {
            hidden: fields.whole_or_none("intermediate_size")?.unwrap_or(4 * shape.width),
            activation: fields.activation("activation_function", "gelu_new")?,
            gate: Gate::None,
        },
        bias: Bias { output: true, mlp: true, ..Bias::default() },
        tied_head: fields.flag_or("tie_word_embeddings", true)?,
        dropout,
        ..shape
    };
    let kinds = attention_layers(&fields.value("attention_types"), layers)
        .ok_or_else(|| fields.error("attention_types does not give each layer `global` or `local`"))?;
    fields.must_be("attention_layers", &json!(kinds))?;
    let full = kinds.iter().enumerate().filter(|(_, kind)| *kind == "global");
    model.full_attention = full.map(|(block, _)| block).collect();
    if model.full_attention.len() == layers {
        (model.sliding_window, model.full_attention) = (None, Vec::new());
    }
    Ok(model)
}

/// The kind of each layer, from a list of patterns and their repetitions: `[[["global", "local"], 12]]`.
fn attention_layers(types: &Value, layers: usize) -> Option<Vec<String>> {
    let default = json!([[["global", "local"], 12]]);
    let types = if types.is_null() { &default } else { types };
    let mut kinds = Vec::new();
    for entry in types.as_array()? {
        let (pattern, times) = (entry.get(0)?.as_array()?, entry.get(1)?.as_u64()?);
        // More than any model has layers.
        for _ in 0..times.min(1 << 10) {
            kinds.extend(pattern.iter().map(|kind| kind.as_str().unwrap_or_default().to_owned()));
            if kinds.len() > layers {
                return None;
            }
        }
    }
    let known = kinds.iter().all(|kind| kind == "global" || kind == "local");
    (known && kinds.len() == layers).then_some(kinds)
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let is_full = |block| model.sliding_window.is_none() || model.full_attention.contains(&block);
    let kinds: Vec<_> =
        (0..model.layers).map(|block| if is_full(block) { "global" } else { "local" }).collect();
    object(json!({
        "vocab_size": model.vocabulary,
        "max_position_embeddings": model.context_length,
        "hidden_size": model.width,
        "num_layers": model.layers,
        "num_heads": model.heads,
        "intermediate_size": model.mlp.hidden,
        "activation_function": activation_word(model.mlp.activation),
        "layer_norm_epsilon": shortest(model.norm.eps),
        "embed_dropout": shortest(model.dropout.embedding),
        "attention_dropout": shortest(model.dropout.attention),
        "resid_dropout": shortest(model.dropout.residual),
        "attention_types": [[kinds, 1]],
        "attention_layers": kinds,
        "window_size": model.sliding_window.unwrap_or(model.context_length),
        "tie_word_embeddings": model.tied_head,
    }))
}

fn tensors(model: &ModelConfig, table: &mut TensorTable<'_>) {
    let size = model.heads * model.head_size;
    table.whole("transformer.wte.weight", "embedding.tokens");
    table.whole("transformer.wpe.weight", "embedding.positions");
    for block in 0..model.layers {
        let (ours, theirs) = (format!("blocks.{block}"), format!("transformer.h.{block}"));
        table.norm(&format!("{theirs}.ln_1"), &format!("{ours}.attention.norm"), Always);
        table.norm(&format!("{theirs}.ln_2"), &format!("{ours}.mlp.norm"), Always);
        for (number, part) in ["q_proj", "k_proj", "v_proj"].into_iter().enumerate() {
            let (qkv, rows) =
                (format!("{ours}.attention.qkv"), Rows::Range(number * size..(number + 1) * size));
            table.rows(&format!("{theirs}.attn.attention.{part}"), &qkv, rows, AsOurs);
        }
        for (part, our_part) in [
            ("attn.attention.out_proj", "attention.output"),
            ("mlp.c_fc", "mlp.up"),
            ("mlp.c_proj", "mlp.down"),
        ] {
            table.linear(&format!("{theirs}.{part}"), &format!("{ours}.{our_part}"), Always);
        }
    }
    table.norm("transformer.ln_f", "norm", Always);
    table.whole("lm_head.weight", "head.weight");
}
