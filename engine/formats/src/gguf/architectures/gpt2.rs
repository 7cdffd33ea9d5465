//! GPT-2 (Radford et al. 2019): LayerNorm, learned positions, a plain MLP with tanh GELU, biases everywhere. Linear layers are
//! stored as [out, in], like ours.

use super::{Architecture, Settings, count};
use crate::gguf::facts::Facts;
use crate::tensors::{BiasRule::Always, TensorTable};
use glasshouse_platform::Result;
use glasshouse_protocol::{Activation, Bias, Gate, Mlp, ModelConfig, NormConfig, presets};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    name: "gpt2",
    read,
    write,
    tensors,
    divisors: |_| Vec::new(),
    padded_biases: |bias| (Bias { head: bias.head, ..true.into() }, true),
    nearly,
};

fn read(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    let (width, heads) = (facts.whole("embedding_length")?, facts.whole("attention.head_count")?);
    if heads == 0 || !width.is_multiple_of(heads) {
        let reason = format!(
            "gpt2.embedding_length is {width}, which is not a multiple of gpt2.attention.head_count = {heads}"
        );
        return Err(facts.error(reason));
    }
    facts.must_be("attention.head_count_kv", heads)?;
    let vocabulary = facts.rows_of("token_embd.weight")?;
    let (context_length, layers) = (facts.whole("context_length")?, facts.whole("block_count")?);
    let shape = presets::gpt(vocabulary, context_length, layers, heads, width);
    Ok(ModelConfig {
        norm: NormConfig { eps: facts.number("attention.layer_norm_epsilon")?, bias: true, ..shape.norm },
        mlp: Mlp {
            hidden: facts.whole_or_none("feed_forward_length")?.unwrap_or(4 * width),
            activation: Activation::GeluTanh,
            gate: Gate::None,
        },
        bias: true.into(),
        tied_head: !facts.has("output.weight"),
        ..shape
    })
}

fn write(model: &ModelConfig) -> Settings {
    vec![
        ("block_count", count(model.layers)),
        ("context_length", count(model.context_length)),
        ("embedding_length", count(model.width)),
        ("feed_forward_length", count(model.mlp.hidden)),
        ("attention.head_count", count(model.heads)),
        ("attention.layer_norm_epsilon", model.norm.eps.into()),
    ]
}

fn tensors(model: &ModelConfig, table: &mut TensorTable<'_>) {
    table.whole("token_embd.weight", "embedding.tokens");
    table.whole("position_embd.weight", "embedding.positions");
    table.blocks(model.layers, "blk", |block| {
        block.layers(Always, &[("attn_norm", "attention.norm"), ("ffn_norm", "mlp.norm")]);
        block.layers(Always, &[("attn_qkv", "attention.qkv"), ("attn_output", "attention.output")]);
        block.layers(Always, &[("ffn_up", "mlp.up"), ("ffn_down", "mlp.down")]);
    });
    table.layers(Always, &[("output_norm", "norm")]);
    table.whole("output.weight", "head.weight");
}

/// The approximation of GELU differs only from the third digit on.
fn nearly(model: &mut ModelConfig) -> Option<String> {
    let exact = model.mlp.gate == Gate::None && model.mlp.activation == Activation::GeluExact;
    exact.then(|| {
        model.mlp.activation = Activation::GeluTanh;
        "model.mlp.activation = gelu_exact becomes gelu_tanh, which is what llama.cpp computes: its logits differ a little".to_owned()
    })
}
