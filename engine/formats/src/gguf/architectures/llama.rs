//! Llama 2 and 3 (Touvron et al. 2023), SmolLM2, Mistral, Mixtral: RMSNorm, rotary positions, gated MLP or experts, grouped queries. Other
//! architectures share its keys and, except for the order of rows, its tensors.
//!
//! For this architecture, llama.cpp rotates channel 2i of a head with 2i + 1, where we rotate i with i + D/2; rows of queries and
//! keys are stored in its order.

use super::{Architecture, Divisors, LLAMA3, Settings, count};
use crate::gguf::facts::Facts;
use crate::tensors::{BiasRule::AsOurs, Rows, TensorTable};
use glasshouse_platform::Result;
use glasshouse_protocol::model::Experts;
use glasshouse_protocol::{
    Activation, Bias, Gate, Mlp, ModelConfig, NormConfig, NormKind, NormPlacement, Position, Rope,
    RopeScaling, presets,
};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    name: "llama",
    read,
    write: shared_settings,
    tensors: |model, table| tensors(model, table, Order::Pairs),
    divisors,
    padded_biases: |bias| (bias, false),
    nearly: |_| None,
};

/// Llama with channels in our order, and without divisors of the rotary angles.
pub(super) const OUR_ORDER: Architecture = Architecture {
    tensors: |model, table| tensors(model, table, Order::Halves),
    divisors: |_| Vec::new(),
    ..ARCHITECTURE
};

/// Keys and defaults of the bounds between frequencies that YaRN keeps and those that it scales.
const BETAS: [(&str, f32); 2] = [("rope.scaling.yarn_beta_fast", 32.0), ("rope.scaling.yarn_beta_slow", 1.0)];

/// The low and high factors of `llama3` in published models.
const LOW_HIGH: (f32, f32) = (1.0, 4.0);

pub(super) fn read(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    let bias = Bias {
        qkv: facts.has("blk.0.attn_q.bias"),
        output: facts.has("blk.0.attn_output.bias"),
        mlp: facts.has("blk.0.ffn_up.bias"),
        head: false,
    };
    let experts = experts(facts)?;
    let model = ModelConfig { bias, experts, ..shared_with(facts, rope)? };
    expect_experts(facts, &model)?;
    Ok(model)
}

/// Fails unless the first and the last block have the experts of the metadata: lists of their rows are long.
pub(super) fn expect_experts(facts: &Facts<'_>, model: &ModelConfig) -> Result<()> {
    if model.experts.count == 0 {
        return Ok(());
    }
    let shape = [model.experts.count, model.mlp.hidden, model.width];
    [0, model.layers.saturating_sub(1)]
        .into_iter()
        .try_for_each(|block| facts.expect_shape(&format!("blk.{block}.ffn_gate_exps.weight"), &shape))
}

/// Reads the experts, if there are any.
pub(super) fn experts(facts: &mut Facts<'_>) -> Result<Experts> {
    match facts.whole_or_none("expert_count")? {
        None | Some(0) => Ok(Experts::default()),
        Some(count) => {
            Ok(Experts { count, per_token: facts.whole("expert_used_count")?, ..Experts::default() })
        }
    }
}

/// Fails if there are experts.
pub(super) fn without_experts(facts: &mut Facts<'_>) -> Result<()> {
    facts.must_be("expert_count", 0)
}

/// Reads the settings common to all; no biases and no head norms.
pub(super) fn shared(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    without_experts(facts)?;
    shared_with(facts, rope)
}

/// Reads rotary positions of all channels.
pub(super) fn rope(
    facts: &mut Facts<'_>,
    base: f32,
    head_size: usize,
    context_length: usize,
) -> Result<Rope> {
    facts.must_be("rope.dimension_count", head_size)?;
    Ok(Rope { scaling: scaling(facts, base, head_size, context_length)?, ..Rope::new(base) })
}

/// Like [`shared`], with rotary positions from their base, the head size and the context length.
pub(super) fn shared_with(
    facts: &mut Facts<'_>,
    rope: fn(&mut Facts<'_>, f32, usize, usize) -> Result<Rope>,
) -> Result<ModelConfig> {
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
    let vocabulary = facts.rows_of("token_embd.weight")?;
    let (context_length, layers) = (facts.whole("context_length")?, facts.whole("block_count")?);
    let shape = presets::gpt(vocabulary, context_length, layers, heads, width);
    let base = facts.number_or_none("rope.freq_base")?.unwrap_or(10_000.0);
    let rope = rope(facts, base, head_size, context_length)?;
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
fn scaling(
    facts: &mut Facts<'_>,
    base: f32,
    head_size: usize,
    context_length: usize,
) -> Result<Option<RopeScaling>> {
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
        "yarn" => {
            for factor in ["rope.scaling.yarn_ext_factor", "rope.scaling.yarn_attn_factor"] {
                if let Some(other) = facts.number_or_none(factor)?.filter(|factor| *factor != 1.0) {
                    return Err(facts.error(format!("{factor} is {other}: only 1 can be represented")));
                }
            }
            let [fast, slow] = BETAS;
            let beta_fast = facts.number_or_none(fast.0)?.unwrap_or(fast.1);
            let beta_slow = facts.number_or_none(slow.0)?.unwrap_or(slow.1);
            let original = facts.whole_or_none("rope.scaling.original_context_length")?;
            factor.map(|factor| RopeScaling::Yarn {
                factor,
                original_context_length: original.unwrap_or(context_length),
                attention_factor: None,
                beta_fast,
                beta_slow,
                truncate: true,
            })
        }
        kind => {
            let reason = format!("rope.scaling.type is `{kind}`; none, linear and yarn can be represented");
            return Err(facts.error(reason));
        }
    };
    let said = facts.whole_or_none("rope.scaling.original_context_length")?;
    let Some(stored) = facts.divisors(LLAMA3) else { return Ok(linear) };
    let fitting = llama3(base, head_size, stored, said).filter(|_| linear.is_none());
    fitting.map(Some).ok_or_else(|| facts.error(format!("its {LLAMA3} are not those of Llama 3's formula")))
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
        let factors = factors(base, scaling, head_size);
        factors.len() == stored.len()
            && factors.iter().zip(stored).all(|(ours, theirs)| (ours - theirs).abs() <= 1e-4 * ours)
    };
    said.into_iter().chain((4..=20).map(|power| 1 << power)).map(of).find(near)
}

/// The divisor of each pair's angle (`LlamaModel.generate_extra_tensors` in llama.cpp's converter).
fn factors(base: f32, scaling: &RopeScaling, head_size: usize) -> Vec<f32> {
    let &RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_context_length } = scaling
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
fn divisors(model: &ModelConfig) -> Divisors {
    match &model.position {
        Position::Rope(Rope { base, scaling: Some(scaling @ RopeScaling::Llama3 { .. }), .. }) => {
            vec![(LLAMA3, factors(*base, scaling, model.head_size))]
        }
        _ => Vec::new(),
    }
}

/// The settings that all of them write.
pub(super) fn shared_settings(model: &ModelConfig) -> Settings {
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
    if model.experts.count > 0 {
        settings.push(("expert_count", count(model.experts.count)));
        settings.push(("expert_used_count", count(model.experts.per_token)));
    }
    if let Position::Rope(rope) = &model.position {
        settings.push(("rope.freq_base", rope.base.into()));
        match &rope.scaling {
            Some(RopeScaling::Linear { factor }) => {
                settings.push(("rope.scaling.type", "linear".into()));
                settings.push(("rope.scaling.factor", (*factor).into()));
            }
            Some(RopeScaling::Yarn { factor, original_context_length, beta_fast, beta_slow, .. }) => {
                settings.push(("rope.scaling.type", "yarn".into()));
                settings.push(("rope.scaling.factor", (*factor).into()));
                settings.push(("rope.scaling.original_context_length", count(*original_context_length)));
                let betas = BETAS.into_iter().zip([*beta_fast, *beta_slow]);
                settings.extend(
                    betas.filter(|((_, usual), own)| own != usual).map(|((key, _), own)| (key, own.into())),
                );
            }
            // Its factors are stored in a tensor.
            Some(RopeScaling::Llama3 { original_context_length, .. }) => {
                settings.push(("rope.scaling.original_context_length", count(*original_context_length)));
            }
            _ => {}
        }
    }
    settings
}

/// The settings of an architecture that computes a head size of width ÷ heads, without the keys of others.
pub(super) fn settings_of_full_heads(model: &ModelConfig) -> Settings {
    let mut settings = shared_settings(model);
    settings.retain(|(key, _)| !["attention.key_length", "attention.value_length"].contains(key));
    settings
}

/// Fails unless the heads share the width among them.
pub(super) fn full_heads(facts: &Facts<'_>, model: ModelConfig) -> Result<ModelConfig> {
    match model.heads * model.head_size == model.width {
        true => Ok(model),
        false => Err(facts.error(format!(
            "{} heads of {} channels do not make up an embedding_length of {}",
            model.heads, model.head_size, model.width
        ))),
    }
}

/// The tensors of the norms of a block and ours.
fn norms(placement: NormPlacement) -> &'static [(&'static str, &'static str)] {
    match placement {
        NormPlacement::Pre | NormPlacement::Post => {
            &[("attn_norm", "attention.norm"), ("ffn_norm", "mlp.norm")]
        }
        NormPlacement::Output => &[("post_attention_norm", "attention.norm"), ("post_ffw_norm", "mlp.norm")],
        NormPlacement::Sandwich => &[
            ("attn_norm", "attention.norm"),
            ("post_attention_norm", "attention.output_norm"),
            ("ffn_norm", "mlp.norm"),
            ("post_ffw_norm", "mlp.output_norm"),
        ],
    }
}

/// Order of a head's channels.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Like ours: channel i rotates with i + D/2.
    Halves,
    /// Channels that rotate together are adjacent.
    Pairs,
}

/// The tensors common to all of them.
fn tensors(model: &ModelConfig, table: &mut TensorTable<'_>, order: Order) {
    let size = model.head_size;
    let (queries, keys) = (model.heads * size, model.kv_heads * size);
    let (hidden, width, experts) = (model.mlp.hidden, model.width, model.experts.count);
    let order: Vec<usize> = match order {
        Order::Halves => (0..size).collect(),
        Order::Pairs => (0..size).map(|at| at % 2 * (size / 2) + at / 2).collect(),
    };
    let (query_rows, key_rows) =
        (Rows::from_heads(0, model.heads, &order), Rows::from_heads(queries, model.kv_heads, &order));
    // llama.cpp stores all of a norm's scale.
    let offset = if model.norm.add_unit_offset { 1 } else { 0 };
    let value_rows = Rows::Range(queries + keys..queries + 2 * keys);
    table.whole("token_embd.weight", "embedding.tokens");
    table.blocks(model.layers, "blk", |block| {
        for (norm, our_norm) in norms(model.norm.placement) {
            block.offset(&format!("{norm}.weight"), &format!("{our_norm}.weight"), offset);
            block.whole(&format!("{norm}.bias"), &format!("{our_norm}.bias"));
        }
        for (part, rows) in [("attn_q", &query_rows), ("attn_k", &key_rows), ("attn_v", &value_rows)] {
            block.rows(part, "attention.qkv", rows.clone(), AsOurs);
        }
        block.whole("attn_q_norm.weight", "attention.query_norm");
        block.whole("attn_k_norm.weight", "attention.key_norm");
        block.layers(AsOurs, &[("attn_output", "attention.output")]);
        if experts > 0 {
            block.whole("ffn_gate_inp.weight", "mlp.router.weight");
            for (name, place) in [("ffn_gate_exps.weight", 0), ("ffn_up_exps.weight", 1)] {
                let first = |expert| (2 * expert + place) * hidden;
                let rows = (0..experts).flat_map(|expert| first(expert)..first(expert) + hidden);
                let rows = Rows::Listed(rows.collect());
                block.stacked(name, "mlp.up.weight", [experts, hidden, width], rows);
            }
            let shape = [experts, width, hidden];
            block.stacked("ffn_down_exps.weight", "mlp.down.weight", shape, Rows::Range(0..width));
            return;
        }
        block.rows("ffn_gate", "mlp.up", Rows::Range(0..hidden), AsOurs);
        block.rows("ffn_up", "mlp.up", Rows::Range(hidden..2 * hidden), AsOurs);
        block.layers(AsOurs, &[("ffn_down", "mlp.down")]);
    });
    table.offset("output_norm.weight", "norm.weight", offset);
    table.whole("output_norm.bias", "norm.bias");
    table.whole("output.weight", "head.weight");
}
