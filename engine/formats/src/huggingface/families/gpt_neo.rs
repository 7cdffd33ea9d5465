//! GPT-Neo (Black et al. 2021) and the TinyStories models (Eldan and Li 2023): GPT-2 with unscaled attention, whose blocks alternate
//! between the whole context and a sliding window.

use super::super::fields::Fields;
use super::gpt2::Names;
use super::{Family, with};
use crate::tensors::{
    BiasRule::{Always, AsOurs},
    Rows, TensorTable,
};
use glasshouse_platform::Result;
use glasshouse_protocol::{Bias, ModelConfig};
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

const NAMES: Names = Names {
    sizes: ["hidden_size", "num_heads", "max_position_embeddings", "num_layers"],
    activation: "activation_function",
    eps: "layer_norm_epsilon",
    dropout: ["embed_dropout", "attention_dropout", "resid_dropout"],
    ..Names::USUAL
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let mut model = NAMES.read(fields, "gelu_new", 0.0, true)?;
    model.attention_scale = Some(1.0);
    model.sliding_window = fields.whole_or("window_size", Some(256))?;
    model.bias = Bias { output: true, mlp: true, ..Bias::default() };
    let layers = model.layers;
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
    let own = json!({
        "attention_types": [[kinds, 1]],
        "attention_layers": kinds,
        "window_size": model.sliding_window.unwrap_or(model.context_length),
    });
    with(NAMES.write(model), own)
}

fn tensors(model: &ModelConfig, table: &mut TensorTable<'_>) {
    let size = model.heads * model.head_size;
    table.whole("transformer.wte.weight", "embedding.tokens");
    table.whole("transformer.wpe.weight", "embedding.positions");
    table.blocks(model.layers, "transformer.h", |block| {
        block.layers(Always, &[("ln_1", "attention.norm"), ("ln_2", "mlp.norm")]);
        for (number, part) in ["q_proj", "k_proj", "v_proj"].into_iter().enumerate() {
            let rows = Rows::Range(number * size..(number + 1) * size);
            block.rows(&format!("attn.attention.{part}"), "attention.qkv", rows, AsOurs);
        }
        block.layers(Always, &[("attn.attention.out_proj", "attention.output")]);
        block.layers(Always, &[("mlp.c_fc", "mlp.up"), ("mlp.c_proj", "mlp.down")]);
    });
    table.layers(Always, &[("transformer.ln_f", "norm")]);
    table.whole("lm_head.weight", "head.weight");
}
