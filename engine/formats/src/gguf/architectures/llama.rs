//! Llama 2 and 3 (Touvron et al. 2023), SmolLM2, Mistral: RMSNorm, rotary positions, gated MLP, grouped queries. Other
//! architectures share its keys and, except for the order of rows, its tensors.
//!
//! For this architecture, llama.cpp rotates channel 2i of a head with 2i + 1, where we rotate i with i + D/2; rows of queries and
//! keys are stored in its order.

use super::{Architecture, Settings, count, exactly};
use crate::gguf::facts::Facts;
use crate::tensors::{BiasRule::AsOurs, Rows, TensorTable};
use glasshouse_platform::Result;
use glasshouse_protocol::{
    Activation, Bias, Gate, Mlp, ModelConfig, NormConfig, NormKind, Position, Rope, RopeScaling, presets,
};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    name: "llama",
    read,
    write: shared_settings,
    tensors: |model, table| shared_tensors(model, table, Order::Pairs),
    padded_biases: |bias| (bias, false),
    nearly: exactly,
};

/// The low and high factors of `llama3` in published models.
const LOW_HIGH: (f32, f32) = (1.0, 4.0);

fn read(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    let bias = Bias {
        qkv: facts.has("blk.0.attn_q.bias"),
        output: facts.has("blk.0.attn_output.bias"),
        mlp: facts.has("blk.0.ffn_up.bias"),
        head: false,
    };
    Ok(ModelConfig { bias, ..shared(facts)? })
}

/// Reads the settings common to all; no biases and no head norms.
pub(super) fn shared(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    let (width, heads) = (facts.whole("embedding_length")?, facts.whole("attention.head_count")?);
    let kv_heads = facts.whole_or_none("attention.head_count_kv")?.unwrap_or(heads);
    let head_size = match facts.whole_or_none("attention.key_length")? {
        Some(size) => size,
        None if heads > 0 && width.is_multiple_of(heads) => width / heads,
        None => {
            return Err(
                facts.error(format!("an embedding_length of {width} is not a multiple of {heads} heads"))
            );
        }
    };
    facts.must_be("attention.value_length", head_size)?;
    facts.must_be("rope.dimension_count", head_size)?;
    facts.must_be("expert_count", 0)?;
    let vocabulary = facts.rows_of("token_embd.weight")?;
    let (context_length, layers) = (facts.whole("context_length")?, facts.whole("block_count")?);
    let shape = presets::gpt(vocabulary, context_length, layers, heads, width);
    let base = facts.number_or_none("rope.freq_base")?.unwrap_or(10_000.0);
    let rope = Rope { scaling: scaling(facts, base, head_size)?, ..Rope::new(base) };
    Ok(ModelConfig {
        kv_heads,
        head_size,
        norm: NormConfig {
            kind: NormKind::Rms,
            eps: facts.number("attention.layer_norm_rms_epsilon")?,
            ..shape.norm
        },
        position: Position::Rope(rope),
        mlp: Mlp {
            hidden: facts.whole("feed_forward_length")?,
            activation: Activation::default(),
            gate: Gate::Swiglu,
        },
        tied_head: !facts.has("output.weight"),
        ..shape
    })
}

/// Scaling of the rotary angles: by one factor in a key, or by a tensor of factors. Like llama.cpp (`llama_model::load_hparams`),
/// a missing type means linear, the factor's old key is accepted, and a factor of 0 means none.
fn scaling(facts: &mut Facts<'_>, base: f32, head_size: usize) -> Result<Option<RopeScaling>> {
    let kind = facts.word_or_none("rope.scaling.type")?;
    let (now, before) =
        (facts.number_or_none("rope.scaling.factor")?, facts.number_or_none("rope.scale_linear")?);
    let factor = now.or(before).filter(|factor| *factor != 0.0 && *factor != 1.0);
    let attention = facts.number_or_none("rope.scaling.attn_factor")?.filter(|attention| *attention != 1.0);
    if let Some(attention) = attention {
        return Err(
            facts.error(format!("rope.scaling.attn_factor is {attention}: only 1 can be represented"))
        );
    }
    let linear = match kind.as_deref().unwrap_or("linear") {
        "linear" => factor.map(|factor| RopeScaling::Linear { factor }),
        "none" => None,
        kind => {
            let reason = format!("rope.scaling.type is `{kind}`; none and linear can be represented");
            return Err(facts.error(reason));
        }
    };
    let Some(stored) = facts.slower.clone() else { return Ok(linear) };
    let said = facts.whole_or_none("rope.scaling.original_context_length")?;
    let fitting = llama3(base, head_size, &stored, said).filter(|_| linear.is_none());
    fitting.map(Some).ok_or_else(|| {
        facts.error(format!("its {} are not those of Llama 3's formula", super::SLOWER_TENSOR))
    })
}

/// Recovers the formula's parameters from stored factors. Published models all use the same low and high factor, which no key
/// stores; without a key, the original context length is assumed to be a power of two.
pub(super) fn llama3(
    base: f32,
    head_size: usize,
    stored: &[f32],
    said: Option<usize>,
) -> Option<RopeScaling> {
    let factor = stored.iter().copied().fold(1.0, f32::max);
    let of = |original_context_length| RopeScaling::Llama3 {
        factor,
        low_freq_factor: LOW_HIGH.0,
        high_freq_factor: LOW_HIGH.1,
        original_context_length,
    };
    let near = |scaling: &RopeScaling| {
        let factors = factors(base, *scaling, head_size);
        factors.len() == stored.len()
            && factors.iter().zip(stored).all(|(ours, theirs)| (ours - theirs).abs() <= 1e-4 * ours)
    };
    said.into_iter().chain((4..=20).map(|power| 1 << power)).map(of).find(near)
}

/// The divisor of each pair's angle (`LlamaModel.generate_extra_tensors` in llama.cpp's converter).
fn factors(base: f32, scaling: RopeScaling, head_size: usize) -> Vec<f32> {
    let RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context_length } = scaling
    else {
        return Vec::new();
    };
    let [factor, low, high] = [factor, low_freq_factor, high_freq_factor].map(f64::from);
    let pairs = (0..head_size / 2).map(|pair| {
        let frequency = libm::pow(f64::from(base), -2.0 * pair as f64 / head_size as f64);
        let waves = original_context_length as f64 * frequency / (2.0 * std::f64::consts::PI);
        let kept = ((waves - low) / (high - low)).clamp(0.0, 1.0);
        (1.0 / ((1.0 - kept) / factor + kept)) as f32
    });
    pairs.collect()
}

/// The divisors of a model that uses this formula.
pub(super) fn slower(model: &ModelConfig) -> Option<Vec<f32>> {
    match model.position {
        Position::Rope(Rope { base, scaling: Some(scaling @ RopeScaling::Llama3 { .. }), .. }) => {
            Some(factors(base, scaling, model.head_size))
        }
        _ => None,
    }
}

/// The settings that all of them write.
fn shared_settings(model: &ModelConfig) -> Settings {
    let mut settings = vec![
        ("vocab_size", count(model.vocabulary)),
        ("block_count", count(model.layers)),
        ("context_length", count(model.context_length)),
        ("embedding_length", count(model.width)),
        ("feed_forward_length", count(model.mlp.hidden)),
        ("attention.head_count", count(model.heads)),
        ("attention.head_count_kv", count(model.kv_heads)),
        ("attention.key_length", count(model.head_size)),
        ("attention.value_length", count(model.head_size)),
        ("attention.layer_norm_rms_epsilon", model.norm.eps.into()),
        ("rope.dimension_count", count(model.head_size)),
    ];
    if let Position::Rope(rope) = model.position {
        settings.push(("rope.freq_base", rope.base.into()));
        match rope.scaling {
            None => {}
            Some(RopeScaling::Linear { factor }) => {
                settings.push(("rope.scaling.type", "linear".into()));
                settings.push(("rope.scaling.factor", factor.into()));
            }
            // Its factors are stored in a tensor.
            Some(RopeScaling::Llama3 { original_context_length, .. }) => {
                settings.push(("rope.scaling.original_context_length", count(original_context_length)));
            }
        }
    }
    settings
}

/// Order of a head's channels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Like ours: channel i rotates with i + D/2.
    Halves,
    /// Channels that rotate together are adjacent.
    Pairs,
}

/// The tensors common to all of them.
pub(super) fn shared_tensors(model: &ModelConfig, table: &mut TensorTable<'_>, order: Order) {
    let size = model.head_size;
    let (queries, keys) = (model.heads * size, model.kv_heads * size);
    let hidden = model.mlp.hidden;
    let order: Vec<usize> = match order {
        Order::Halves => (0..size).collect(),
        Order::Pairs => (0..size).map(|at| at % 2 * (size / 2) + at / 2).collect(),
    };
    let (query_rows, key_rows) =
        (Rows::of_heads(0, model.heads, &order), Rows::of_heads(queries, model.kv_heads, &order));
    let value_rows = Rows::Range(queries + keys..queries + 2 * keys);
    table.whole("token_embd.weight", "embedding.tokens");
    for block in 0..model.layers {
        let (ours, theirs) = (format!("blocks.{block}"), format!("blk.{block}"));
        table.norm(&format!("{theirs}.attn_norm"), &format!("{ours}.attention.norm"), AsOurs);
        for (part, rows) in [("attn_q", &query_rows), ("attn_k", &key_rows), ("attn_v", &value_rows)] {
            table.rows(&format!("{theirs}.{part}"), &format!("{ours}.attention.qkv"), rows.clone(), AsOurs);
        }
        table.whole(format!("{theirs}.attn_q_norm.weight"), &format!("{ours}.attention.query_norm"));
        table.whole(format!("{theirs}.attn_k_norm.weight"), &format!("{ours}.attention.key_norm"));
        table.linear(&format!("{theirs}.attn_output"), &format!("{ours}.attention.output"), AsOurs);
        table.norm(&format!("{theirs}.ffn_norm"), &format!("{ours}.mlp.norm"), AsOurs);
        for (part, rows) in [("ffn_gate", 0..hidden), ("ffn_up", hidden..2 * hidden)] {
            table.rows(&format!("{theirs}.{part}"), &format!("{ours}.mlp.up"), Rows::Range(rows), AsOurs);
        }
        table.linear(&format!("{theirs}.ffn_down"), &format!("{ours}.mlp.down"), AsOurs);
    }
    table.norm("output_norm", "norm", AsOurs);
    table.whole("output.weight", "head.weight");
}
