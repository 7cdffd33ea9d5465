//! GPT-2 (Radford et al. 2019): LayerNorm, learned positions, a plain MLP, biases everywhere. Linear layers are stored [in, out].
//! Other families share most of its settings under other names.

use super::super::fields::{Fields, activation_word, shortest};
use super::{Family, object, with};
use crate::tensors::{BiasRule::Always, TensorTable};
use glasshouse_platform::Result;
use glasshouse_protocol::model::Dropout;
use glasshouse_protocol::{Bias, Gate, Mlp, ModelConfig, NormConfig, presets};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family {
    model_type: "gpt2",
    class: "GPT2LMHeadModel",
    layer_class: "GPT2Block",
    prefix: "transformer.",
    read,
    write: |model| with(NAMES.write(model), json!({ "n_ctx": model.context_length })),
    tensors,
    padded_biases: |bias| (Bias { head: bias.head, ..true.into() }, true),
};

const NAMES: Names = Names {
    sizes: ["n_embd", "n_head", "n_positions", "n_layer"],
    hidden: "n_inner",
    activation: "activation_function",
    eps: "layer_norm_epsilon",
    dropout: ["embd_pdrop", "attn_pdrop", "resid_pdrop"],
};

/// The names of the shared settings in a class's `config.json`.
pub(super) struct Names {
    /// Width, heads, context length and layers.
    pub sizes: [&'static str; 4],
    pub hidden: &'static str,
    pub activation: &'static str,
    pub eps: &'static str,
    /// Rates of the embedding, attention and residual additions.
    pub dropout: [&'static str; 3],
}

impl Names {
    /// The names in most classes.
    pub const USUAL: Self = Self {
        sizes: ["hidden_size", "num_attention_heads", "max_position_embeddings", "num_hidden_layers"],
        hidden: "intermediate_size",
        activation: "hidden_act",
        eps: "layer_norm_eps",
        dropout: ["embd_pdrop", "attention_dropout", "resid_pdrop"],
    };

    /// Reads the shared settings; `activation`, `rate` of dropout and `tied` head are the class's defaults.
    pub fn read(&self, fields: &mut Fields, activation: &str, rate: f64, tied: bool) -> Result<ModelConfig> {
        let [width, heads, context, layers] = self.sizes;
        let (channels, count) = (fields.whole(width)?, fields.whole(heads)?);
        let head_size = fields.head_size((width, channels), (heads, count))?;
        let [tokens, context, layers] =
            [fields.whole("vocab_size")?, fields.whole(context)?, fields.whole(layers)?];
        let shape = presets::gpt(tokens, context, layers, count, channels);
        let mut rate = |name| fields.number_or(name, rate).map(|rate| rate as f32);
        let [embedding, attention, residual] = self.dropout;
        let dropout =
            Dropout { embedding: rate(embedding)?, attention: rate(attention)?, residual: rate(residual)? };
        Ok(ModelConfig {
            head_size,
            norm: NormConfig { eps: fields.number_or(self.eps, 1e-5)? as f32, bias: true, ..shape.norm },
            mlp: Mlp {
                hidden: fields.whole_or_none(self.hidden)?.unwrap_or(4 * channels),
                activation: fields.activation(self.activation, activation)?,
                gate: Gate::None,
            },
            tied_head: fields.flag_or("tie_word_embeddings", tied)?,
            dropout,
            ..shape
        })
    }

    pub fn write(&self, model: &ModelConfig) -> Map<String, Value> {
        let [width, heads, context, layers] = self.sizes;
        let [embedding, attention, residual] = self.dropout;
        object(json!({
            "vocab_size": model.vocabulary,
            context: model.context_length,
            width: model.width,
            layers: model.layers,
            heads: model.heads,
            (self.hidden): model.mlp.hidden,
            (self.activation): activation_word(model.mlp.activation),
            (self.eps): shortest(model.norm.eps),
            embedding: shortest(model.dropout.embedding),
            attention: shortest(model.dropout.attention),
            residual: shortest(model.dropout.residual),
            "tie_word_embeddings": model.tied_head,
        }))
    }
}

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let model = NAMES.read(fields, "gelu_new", 0.1, true)?;
    fields.must_be("scale_attn_weights", &json!(true))?;
    fields.must_be("scale_attn_by_inverse_layer_idx", &json!(false))?;
    fields.must_be("add_cross_attention", &json!(false))?;
    Ok(ModelConfig { bias: true.into(), ..model })
}

fn tensors(model: &ModelConfig, table: &mut TensorTable<'_>) {
    table.whole("transformer.wte.weight", "embedding.tokens");
    table.whole("transformer.wpe.weight", "embedding.positions");
    table.blocks(model.layers, "transformer.h", |block| {
        block.layers(Always, &[("ln_1", "attention.norm"), ("ln_2", "mlp.norm")]);
        block.transposed(Always, &[("attn.c_attn", "attention.qkv"), ("attn.c_proj", "attention.output")]);
        block.transposed(Always, &[("mlp.c_fc", "mlp.up"), ("mlp.c_proj", "mlp.down")]);
    });
    table.layers(Always, &[("transformer.ln_f", "norm")]);
    table.whole("lm_head.weight", "head.weight");
}
