//! The decoder's settings. One builder (`engine/compiler/src/model`) turns them into a graph; nothing else describes a model.

use crate::quantity::{counted, whole};
use crate::{Invalid, require};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A decoder-only transformer, whole. Shapes use the letters of `shaders/README.md`:
/// C = `width`, H = `heads`, K = `kv_heads`, D = `head_size`, F = `mlp.hidden`, T = `context_length`, V = `vocabulary`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// V: rows of the token embedding. 0 in a preset means "as many as the tokenizer has".
    #[serde(default)]
    pub vocabulary: usize,
    /// T: tokens that the model sees at once.
    pub context_length: usize,
    /// Number of blocks.
    pub layers: usize,
    /// C: channels of the residual stream.
    pub width: usize,
    /// H: query heads.
    pub heads: usize,
    /// K: key and value heads; H of them is multi-head attention (MHA), 1 multi-query (MQA), between the two
    /// grouped-query (GQA, Ainslie et al. 2023). Each is shared by H / K query heads.
    pub kv_heads: usize,
    /// D: channels of a head; H·D need not equal C.
    pub head_size: usize,
    /// What embeddings are multiplied by before the first block: 1, or √width in Gemma (Gemma Team 2024).
    #[serde(default = "one")]
    pub embedding_scale: f32,
    /// RMSNorm on each query and key head before the rotation (Dehghani et al. 2023, as in Qwen3 with learned weights).
    #[serde(default)]
    pub qk_norm: bool,
    /// Positions that a query sees, its own included; the whole context where there is none (Mistral, Jiang et al. 2023).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sliding_window: Option<usize>,
    /// Blocks, from 0, that see the whole context though there is a sliding window (Ministral, Qwen2).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub full_attention: Vec<usize>,
    /// Normalisation of every block and before the head.
    pub norm: NormConfig,
    /// How a position gets into the model.
    pub position: Position,
    /// The feed-forward part of a block.
    pub mlp: Mlp,
    /// How attention and MLP add to the residual stream.
    #[serde(default)]
    pub residual: Residual,
    /// Biases on the linear layers.
    #[serde(default)]
    pub bias: Bias,
    /// The head shares the token embedding's matrix (Press and Wolf 2017).
    #[serde(default = "yes")]
    pub tied_head: bool,
    /// What the model classifies texts by, where its head is one for labels: a row each, in this order, in place of a token's. The data of
    /// a run whose objective is `classify` decide them. One alone is the score of a reward model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Dropout rates, in training only.
    #[serde(default)]
    pub dropout: Dropout,
    /// How weights begin.
    #[serde(default)]
    pub init: Initialisation,
}

fn one() -> f32 {
    1.0
}

fn yes() -> bool {
    true
}

/// Normalisation layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormConfig {
    /// Which formula.
    pub kind: NormKind,
    /// Added to the variance or mean square before the root.
    pub eps: f32,
    /// A learned bias beside the learned scale (LayerNorm only).
    #[serde(default)]
    pub bias: bool,
    /// Where in the block it stands.
    #[serde(default)]
    pub placement: NormPlacement,
    /// What multiplies is 1 + w, of weights that begin at 0 (Gemma). Norms of queries and keys have none.
    #[serde(default)]
    pub add_unit_offset: bool,
}

/// The formula of a normalisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormKind {
    /// (x − mean) / √(variance + eps) · scale + bias (Ba et al. 2016).
    Layer,
    /// x / √(mean of squares + eps) · scale (Zhang and Sennrich 2019).
    Rms,
}

/// Where a block normalises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormPlacement {
    /// x + f(norm(x)), with one more norm before the head: GPT-2 and everything since.
    #[default]
    Pre,
    /// norm(x + f(x)): the first transformer (Vaswani et al. 2017). No norm before the head.
    Post,
}

/// How a token's position enters the model.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Position {
    /// A learned T × C table added to the token embedding (GPT-2).
    Learned,
    /// A fixed sine and cosine table added to the token embedding (Vaswani et al. 2017).
    Sinusoidal,
    /// Rotary embedding of queries and keys (Su et al. 2021), halves rotated as in Hugging Face's Llama.
    Rope(Rope),
    /// Nothing: the causal mask alone tells order (NoPE, Kazemnejad et al. 2023).
    None,
}

/// Rotary positions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rope {
    /// Base of the geometric series of angles, usually 10000.
    pub base: f32,
    /// R: channels of a head that turn, all where it is not given (partial rotary, GPT-NeoX and Phi). Channel i turns with channel
    /// i + D/2, for i < R/2; Hugging Face's order has it beside channel i + R/2, which an import permutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// Slower angles for more positions than a model was trained with at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<RopeScaling>,
    /// Each layer whose number, from 1 on, this divides has no rotary positions (SmolLM3's every fourth); 0 for none such.
    #[serde(default)]
    pub skip_every: usize,
}

impl Rope {
    /// All channels of all layers turn, by angles of this base.
    pub const fn of_base(base: f32) -> Self {
        Self { base, channels: None, scaling: None, skip_every: 0 }
    }

    /// Whether a layer's queries and keys turn; layers count from 0.
    pub fn turns(&self, layer: usize) -> bool {
        self.skip_every == 0 || !(layer + 1).is_multiple_of(self.skip_every)
    }

    fn validate(&self, head_size: usize) -> Result<(), Invalid> {
        require(
            self.base.is_finite() && self.base > 1.0,
            "model.position.base",
            self.base,
            "be a number above 1",
        )?;
        if let Some(channels) = self.channels {
            let fits = channels >= 2 && channels.is_multiple_of(2) && channels <= head_size;
            let rule = format!("be even, at least 2 and at most model.head_size ({head_size})");
            require(fits, "model.position.channels", channels, rule)?;
        }
        let positive = |field, number: f32| {
            let fits = number.is_finite() && number >= 1.0;
            require(fits, field, number, "be a number of at least 1")
        };
        match self.scaling {
            None => Ok(()),
            Some(RopeScaling::Linear { factor }) => positive("model.position.scaling.factor", factor),
            Some(RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original_context_length,
            }) => {
                positive("model.position.scaling.factor", factor)?;
                require(
                    low_freq_factor > 0.0
                        && high_freq_factor > low_freq_factor
                        && high_freq_factor.is_finite(),
                    "model.position.scaling.high_freq_factor",
                    high_freq_factor,
                    "be above low_freq_factor, and that above 0",
                )?;
                require(
                    original_context_length >= 1,
                    "model.position.scaling.original_context_length",
                    original_context_length,
                    "be at least 1",
                )
            }
        }
    }
}

/// How the angles of rotary positions are made slower. Names and formulas of `transformers`' `rope_scaling`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum RopeScaling {
    /// All by one factor (Chen et al. 2023, position interpolation).
    Linear {
        /// Angles are divided by it.
        factor: f32,
    },
    /// Slow ones by the factor, fast ones not at all, and those between by a part of it (Llama 3.1).
    Llama3 {
        /// Angles of long wavelengths are divided by it.
        factor: f32,
        /// Wavelengths longer than `original_context_length` through this are divided whole.
        low_freq_factor: f32,
        /// Wavelengths shorter than `original_context_length` through this stay.
        high_freq_factor: f32,
        /// Context length of the training before.
        original_context_length: usize,
    },
}

/// How attention and MLP add to the residual stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Residual {
    /// x + attention(norm(x)), then that + MLP(norm(that)): GPT-2, Llama.
    #[default]
    Sequential,
    /// x + attention(norm₁(x)) + MLP(norm₂(x)): GPT-NeoX (Wang and Komatsuzaki 2021).
    Parallel,
    /// x + attention(norm(x)) + MLP(norm(x)), of one norm: GPT-J, Phi.
    ParallelOneNorm,
}

/// Which linear layers have biases. Settings may say `true` for all but the head, and `false` for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BiasForm", into = "BiasForm")]
pub struct Bias {
    /// The projection to queries, keys and values.
    pub qkv: bool,
    /// The projection of attention's result.
    pub output: bool,
    /// Both layers of the MLP.
    pub mlp: bool,
    /// The head (Phi).
    pub head: bool,
}

impl Bias {
    /// Whether any layer has one.
    pub fn any(self) -> bool {
        self.qkv || self.output || self.mlp || self.head
    }
}

impl From<bool> for Bias {
    fn from(all: bool) -> Self {
        Self { qkv: all, output: all, mlp: all, head: false }
    }
}

impl From<Bias> for BTreeMap<&'static str, bool> {
    fn from(Bias { qkv, output, mlp, head }: Bias) -> Self {
        Self::from([("qkv", qkv), ("output", output), ("mlp", mlp), ("head", head)])
    }
}

/// [`Bias`] as settings spell it.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected true, false, or a table of qkv, output, mlp and head")]
enum BiasForm {
    Blocks(bool),
    Each(EachBias),
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct EachBias {
    qkv: bool,
    output: bool,
    mlp: bool,
    head: bool,
}

impl From<BiasForm> for Bias {
    fn from(form: BiasForm) -> Self {
        match form {
            BiasForm::Blocks(all) => all.into(),
            BiasForm::Each(EachBias { qkv, output, mlp, head }) => Self { qkv, output, mlp, head },
        }
    }
}

impl From<Bias> for BiasForm {
    fn from(bias: Bias) -> Self {
        let Bias { qkv, output, mlp, head } = bias;
        if bias == qkv.into() { Self::Blocks(qkv) } else { Self::Each(EachBias { qkv, output, mlp, head }) }
    }
}

/// The feed-forward part of a block.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mlp {
    /// F: hidden channels.
    pub hidden: usize,
    /// The non-linearity; with a gate, the one that the gate half passes through is fixed by [`Gate`].
    #[serde(default)]
    pub activation: Activation,
    /// A gated MLP (Shazeer 2020): down(gate(x) ⊙ up(x)) in place of down(activation(up(x))).
    #[serde(default)]
    pub gate: Gate,
}

/// Non-linearity of a plain MLP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// x·Φ(x) with the error function (Hendrycks and Gimpel 2016); nanoGPT's.
    #[default]
    GeluExact,
    /// GELU's tanh approximation; OpenAI's GPT-2's (`gelu_new`).
    GeluTanh,
    /// max(x, 0).
    Relu,
    /// max(x, 0)² (So et al. 2021).
    ReluSquared,
    /// x·σ(x).
    Silu,
}

/// Gate of a gated MLP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// A plain MLP.
    #[default]
    None,
    /// SiLU gate (Llama).
    Swiglu,
    /// GELU (tanh) gate (Gemma).
    Geglu,
}

/// Dropout rates in [0, 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dropout {
    /// On the sum of token and position embeddings.
    pub embedding: f32,
    /// On attention probabilities.
    pub attention: f32,
    /// On what attention and MLP add to the residual stream.
    pub residual: f32,
}

impl Dropout {
    /// One rate everywhere, as nanoGPT has it.
    pub const fn everywhere(rate: f32) -> Self {
        Self { embedding: rate, attention: rate, residual: rate }
    }
}

/// How weights begin: normal with mean 0, norms at 1, biases at 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Initialisation {
    /// Standard deviation of every matrix and embedding.
    pub std: f32,
    /// Divide the deviation of the projections back into the residual stream by √(2·layers) (GPT-2).
    pub scale_residual: bool,
}

impl Default for Initialisation {
    fn default() -> Self {
        Self { std: 0.02, scale_residual: true }
    }
}

impl ModelConfig {
    /// Rows of its head: labels, where it has one for those, else V.
    pub fn outputs(&self) -> usize {
        if self.labels.is_empty() { self.vocabulary } else { self.labels.len() }
    }

    /// Positions that a query of a block sees, its own included; `None` where it sees the whole context.
    pub fn window(&self, block: usize) -> Option<usize> {
        // A window as long as the context hides nothing.
        self.sliding_window
            .filter(|window| *window < self.context_length && !self.full_attention.contains(&block))
    }

    /// Whether its head has one row, whose logit is the score of a text: a reward model.
    pub fn scores(&self) -> bool {
        self.labels.len() == 1
    }

    /// Its shape in a few words: `4 layers · width 128 · context length 64`.
    pub fn shape(&self) -> String {
        let layers = counted(self.layers as u64, "layer");
        let [width, context] = [self.width, self.context_length].map(|number| whole(number as u64));
        format!("{layers} · width {width} · context length {context}")
    }

    /// Checks every rule; the first broken one is named. `vocabulary` must be known by now.
    pub fn validate(&self) -> Result<(), Invalid> {
        let sizes = [
            ("model.vocabulary", self.vocabulary, 1 << 22),
            ("model.context_length", self.context_length, 1 << 20),
            ("model.layers", self.layers, 1024),
            ("model.width", self.width, 1 << 16),
            ("model.heads", self.heads, 1024),
            ("model.kv_heads", self.kv_heads, 1024),
            ("model.head_size", self.head_size, 256),
            ("model.mlp.hidden", self.mlp.hidden, 1 << 18),
        ];
        for (field, value, largest) in sizes {
            require(value >= 1, field, value, "be at least 1")?;
            require(value <= largest, field, value, format!("be at most {largest}"))?;
        }
        require(
            self.heads.is_multiple_of(self.kv_heads),
            "model.heads",
            self.heads,
            format!("be a multiple of model.kv_heads ({})", self.kv_heads),
        )?;
        require(
            self.embedding_scale > 0.0 && self.embedding_scale <= 1000.0,
            "model.embedding_scale",
            self.embedding_scale,
            "be above 0 and at most 1000",
        )?;
        require(
            self.norm.eps > 0.0 && self.norm.eps < 0.1,
            "model.norm.eps",
            self.norm.eps,
            "lie between 0 and 0.1",
        )?;
        require(
            !(self.norm.bias && self.norm.kind == NormKind::Rms),
            "model.norm.bias",
            self.norm.bias,
            "be false with norm.kind = \"rms\": RMSNorm has no bias",
        )?;
        require(
            !(self.residual != Residual::Sequential && self.norm.placement == NormPlacement::Post),
            "model.residual",
            format!("{:?}", self.residual),
            "be sequential with norm.placement = \"post\"",
        )?;
        let most = 1 << 16;
        require(self.labels.len() <= most, "model.labels", self.labels.len(), format!("be at most {most}"))?;
        let mut labels = self.labels.clone();
        labels.sort_unstable();
        labels.dedup();
        let distinct = labels.len() == self.labels.len();
        require(distinct, "model.labels", self.labels.join(", "), "be each another")?;
        if let Some(window) = self.sliding_window {
            require(window >= 1, "model.sliding_window", window, "be at least 1")?;
        }
        let beyond = self.full_attention.iter().find(|block| **block >= self.layers);
        require(
            beyond.is_none(),
            "model.full_attention",
            beyond.copied().unwrap_or_default(),
            format!("be the number of a block, from 0, of which there are {}", self.layers),
        )?;
        match self.position {
            Position::Rope(rope) => {
                require(
                    self.head_size.is_multiple_of(2),
                    "model.head_size",
                    self.head_size,
                    "be even with rotary positions: channels turn in pairs",
                )?;
                rope.validate(self.head_size)?;
            }
            Position::Sinusoidal => require(
                self.width.is_multiple_of(2),
                "model.width",
                self.width,
                "be even with sinusoidal positions: channels come in pairs",
            )?,
            Position::Learned | Position::None => {}
        }
        for (field, rate) in [
            ("model.dropout.embedding", self.dropout.embedding),
            ("model.dropout.attention", self.dropout.attention),
            ("model.dropout.residual", self.dropout.residual),
        ] {
            require((0.0..1.0).contains(&rate), field, rate, "be at least 0 and below 1")?;
        }
        require(
            self.init.std.is_finite() && self.init.std >= 0.0 && self.init.std <= 1.0,
            "model.init.std",
            self.init.std,
            "lie between 0 and 1",
        )
    }
}
