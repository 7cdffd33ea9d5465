//! StarCoder2 (Lozhkov et al. 2024): GPT-2's norms, MLP and biases with rotary positions, grouped queries and a sliding window.

use super::super::fields::{Fields, rope_fields};
use super::gpt2::Names;
use super::{Family, llama_like, with};
use glasshouse_platform::Result;
use glasshouse_protocol::{Activation, ModelConfig, Position};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family =
    Family { padded_biases: |bias| (bias, true), ..llama_like!("starcoder2", "Starcoder2", read, write) };

const NAMES: Names = Names {
    eps: "norm_epsilon",
    dropout: ["embedding_dropout", "attention_dropout", "residual_dropout"],
    ..Names::USUAL
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let model = NAMES.read(fields, "gelu_pytorch_tanh", 0.0, true)?;
    fields.must_be("norm_type", &json!("layer_norm"))?;
    fields.must_be("mlp_type", &json!("default"))?;
    fields.must_be("scale_attn_weights", &json!(true))?;
    // In the first files; the class does not read them.
    fields.ignore(&["layer_norm_epsilon", "attention_softmax_in_fp32", "scale_attention_softmax_in_fp32"]);
    let theta = fields.number_or("rope_theta", 10_000.0)?;
    Ok(ModelConfig {
        kv_heads: fields.whole_or("num_key_value_heads", Some(2))?.unwrap_or(model.heads),
        position: Position::Rope(fields.rope(model.head_size, theta, 1.0)?),
        sliding_window: fields.whole_or_none("sliding_window")?,
        bias: fields.flag_or("use_bias", true)?.into(),
        ..model
    })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let mut fields = NAMES.write(model);
    if let Position::Rope(rope) = &model.position {
        fields.extend(rope_fields(rope, None));
    }
    if model.mlp.activation == Activation::GeluTanh {
        // The class's own word: with "gelu_new", transformers rounds the same formula differently.
        fields.insert("hidden_act".to_owned(), json!("gelu_pytorch_tanh"));
    }
    let own = json!({
        "num_key_value_heads": model.kv_heads,
        "sliding_window": model.sliding_window,
        "use_bias": model.bias.qkv,
    });
    with(fields, own)
}
