//! Llama 2 and 3 (Touvron et al. 2023): RMSNorm, rotary positions, gated MLP, grouped queries. Other families share its tensors.

use super::super::fields::{Fields, gate_word, rope_fields, shortest};
use super::{Family, object, rotary_order, with};
use crate::tensors::{
    BiasRule::{Always, AsOurs},
    Rows, TensorTable,
};
use glasshouse_platform::Result;
use glasshouse_protocol::model::Dropout;
use glasshouse_protocol::{
    Activation, Bias, Gate, Mlp, ModelConfig, NormConfig, NormKind, NormPlacement, Position, Residual,
    presets,
};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family {
    model_type: "llama",
    class: "LlamaForCausalLM",
    layer_class: "LlamaDecoderLayer",
    prefix: "model.",
    read,
    write,
    tensors,
    padded_biases: |bias| (bias, false),
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let mut model = shared(fields, Defaults::LLAMA)?;
    fields.full_attention_everywhere()?;
    model.bias = Bias { mlp: fields.flag_or("mlp_bias", false)?, ..attention_bias(fields)? };
    Ok(model)
}

/// `attention_bias` applies to all four projections.
pub(super) fn attention_bias(fields: &mut Fields) -> Result<Bias> {
    let attention = fields.flag_or("attention_bias", false)?;
    Ok(Bias { qkv: attention, output: attention, ..Bias::default() })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    with(shared_fields(model), json!({ "attention_bias": model.bias.qkv, "mlp_bias": model.bias.mlp }))
}

/// Defaults of the classes for missing fields in `config.json`.
#[derive(Clone, Copy)]
pub(super) struct Defaults {
    /// Base of rotary positions.
    pub theta: f64,
    pub activation: &'static str,
    /// Whether the head is tied to the embedding.
    pub tied: bool,
    /// Head size; width ÷ heads if `None`.
    pub head_size: Option<usize>,
    /// Number of key and value heads; the number of heads if `None`.
    pub kv_heads: Option<usize>,
    pub eps: f64,
    /// Whether the class can rotate only part of the channels.
    pub partial: bool,
}

impl Defaults {
    pub(super) const LLAMA: Self = Self {
        theta: 10_000.0,
        activation: "silu",
        tied: false,
        head_size: None,
        kv_heads: None,
        eps: 1e-6,
        partial: false,
    };
}

/// Reads the settings common to all; no biases and no head norms.
pub(super) fn shared(fields: &mut Fields, defaults: Defaults) -> Result<ModelConfig> {
    let (width, heads) = (fields.whole("hidden_size")?, fields.whole("num_attention_heads")?);
    let head_size = match fields.whole_or("head_dim", defaults.head_size)? {
        Some(size) => size,
        None => fields.head_size(("hidden_size", width), ("num_attention_heads", heads))?,
    };
    let theta = fields.number_or("rope_theta", defaults.theta)?;
    if !defaults.partial {
        fields.must_be("partial_rotary_factor", &json!(1.0))?;
    }
    let share = fields.number_or("partial_rotary_factor", 1.0)?;
    let rope = fields.rope(head_size, theta, share)?;
    if let Some(channels) = rope.channels.filter(|_| !defaults.partial) {
        let reason =
            format!("{channels} of {head_size} channels are rotated; this class rotates all of them");
        return Err(fields.error(reason));
    }
    let [vocabulary, context_length, layers] = [
        fields.whole("vocab_size")?,
        fields.whole("max_position_embeddings")?,
        fields.whole("num_hidden_layers")?,
    ];
    let shape = presets::gpt(vocabulary, context_length, layers, heads, width);
    Ok(ModelConfig {
        kv_heads: fields.whole_or("num_key_value_heads", defaults.kv_heads)?.unwrap_or(heads),
        head_size,
        norm: NormConfig {
            kind: NormKind::Rms,
            eps: fields.number_or("rms_norm_eps", defaults.eps)? as f32,
            ..shape.norm
        },
        position: Position::Rope(rope),
        mlp: Mlp {
            hidden: fields.whole("intermediate_size")?,
            activation: Activation::default(),
            gate: fields.gate("hidden_act", defaults.activation)?,
        },
        tied_head: fields.flag_or("tie_word_embeddings", defaults.tied)?,
        dropout: Dropout {
            attention: fields.number_or("attention_dropout", 0.0)? as f32,
            ..Dropout::default()
        },
        ..shape
    })
}

/// The fields that all of them write.
pub(super) fn shared_fields(model: &ModelConfig) -> Map<String, Value> {
    let mut fields = object(json!({
        "vocab_size": model.vocabulary,
        "max_position_embeddings": model.context_length,
        "hidden_size": model.width,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "num_key_value_heads": model.kv_heads,
        "head_dim": model.head_size,
        "intermediate_size": model.mlp.hidden,
        "hidden_act": gate_word(model.mlp.gate),
        "rms_norm_eps": shortest(model.norm.eps),
        "attention_dropout": shortest(model.dropout.attention),
        "tie_word_embeddings": model.tied_head,
    }));
    if let Position::Rope(rope) = &model.position {
        fields.extend(rope_fields(rope, None));
    }
    fields
}

/// The tensors of the norms of a block and ours. The second norm of Llama precedes the MLP; that of OLMo 2 and Gemma 3 follows the
/// attention.
fn norms(placement: NormPlacement) -> &'static [(&'static str, &'static str)] {
    match placement {
        NormPlacement::Pre | NormPlacement::Post => {
            &[("input_layernorm", "attention.norm"), ("post_attention_layernorm", "mlp.norm")]
        }
        NormPlacement::Output => {
            &[("post_attention_layernorm", "attention.norm"), ("post_feedforward_layernorm", "mlp.norm")]
        }
        NormPlacement::Sandwich => &[
            ("input_layernorm", "attention.norm"),
            ("post_attention_layernorm", "attention.output_norm"),
            ("pre_feedforward_layernorm", "mlp.norm"),
            ("post_feedforward_layernorm", "mlp.output_norm"),
        ],
    }
}

/// The tensors common to all of them; those of experts are added by their families.
pub(super) fn tensors(model: &ModelConfig, table: &mut TensorTable<'_>) {
    let (queries, keys) = (model.heads * model.head_size, model.kv_heads * model.head_size);
    let (hidden, order) = (model.mlp.hidden, rotary_order(model));
    let norm_bias = if model.norm.kind == NormKind::Layer { Always } else { AsOurs };
    table.whole("model.embed_tokens.weight", "embedding.tokens");
    table.blocks(model.layers, "model.layers", |block| {
        let count = if model.residual == Residual::ParallelOneNorm { 1 } else { usize::MAX };
        norms(model.norm.placement).iter().take(count).for_each(|names| block.layers(norm_bias, &[*names]));
        for (part, rows) in [
            ("q_proj", Rows::from_heads(0, model.heads, &order)),
            ("k_proj", Rows::from_heads(queries, model.kv_heads, &order)),
            ("v_proj", Rows::Range(queries + keys..queries + 2 * keys)),
        ] {
            block.rows(&format!("self_attn.{part}"), "attention.qkv", rows, AsOurs);
        }
        block.layers(AsOurs, &[("self_attn.o_proj", "attention.output")]);
        if model.mlp.gate == Gate::None {
            block.layers(AsOurs, &[("mlp.c_fc", "mlp.up"), ("mlp.c_proj", "mlp.down")]);
        } else if model.experts.count == 0 {
            block.rows("mlp.gate_proj", "mlp.up", Rows::Range(0..hidden), AsOurs);
            block.rows("mlp.up_proj", "mlp.up", Rows::Range(hidden..2 * hidden), AsOurs);
            block.layers(AsOurs, &[("mlp.down_proj", "mlp.down")]);
        }
        // Ours are without the offset of the other norms.
        let offset = if model.norm.add_unit_offset { -1 } else { 0 };
        block.offset("self_attn.q_norm.weight", "attention.query_norm", offset);
        block.offset("self_attn.k_norm.weight", "attention.key_norm", offset);
    });
    table.layers(norm_bias, &[("model.norm", "norm")]);
    table.whole("lm_head.weight", "head.weight");
}
