//! The decoder's settings. One builder (`engine/compiler/src/model`) turns them into a graph; nothing else describes a model.

use crate::quantity::whole;
use crate::{Invalid, require};
use serde::{Deserialize, Serialize};

/// A decoder-only transformer, whole. Shapes use the letters of `shaders/README.md`:
/// C = `width`, H = `heads`, K = `kv_heads`, D = `head_size`, F = `mlp.hidden`, T = `context_length`, V = `vocabulary`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// V: rows of the token embedding. 0 in a preset means "as many as the tokenizer has".
    #[serde(default)]
    pub vocabulary: usize,
    /// T: tokens that the model sees at once.
    #[serde(alias = "context")]
    pub context_length: usize,
    /// Number of blocks.
    #[serde(alias = "depth")]
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
    /// RMSNorm on each query and key head before the rotation (Dehghani et al. 2023, as in Qwen3 with learned weights).
    #[serde(default)]
    pub qk_norm: bool,
    /// Normalisation of every block and before the head.
    pub norm: NormConfig,
    /// How a position gets into the model.
    pub position: Position,
    /// The feed-forward part of a block.
    pub mlp: Mlp,
    /// Biases on the linear layers (attention and MLP; the head never has one).
    #[serde(default)]
    pub bias: bool,
    /// The head shares the token embedding's matrix (Press and Wolf 2017).
    #[serde(default = "yes")]
    pub tied_head: bool,
    /// Dropout rates, in training only.
    #[serde(default)]
    pub dropout: Dropout,
    /// How weights begin.
    #[serde(default)]
    pub init: Initialisation,
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
    Rope {
        /// Base of the geometric series of angles, usually 10000.
        base: f32,
    },
    /// Nothing: the causal mask alone tells order (NoPE, Kazemnejad et al. 2023).
    None,
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
    /// Its shape in a few words: `4 layers · width 128 · context length 64`.
    pub fn shape(&self) -> String {
        let layers = if self.layers == 1 { "1 layer".to_owned() } else { format!("{} layers", self.layers) };
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
        match self.position {
            Position::Rope { base } => {
                require(
                    self.head_size.is_multiple_of(2),
                    "model.head_size",
                    self.head_size,
                    "be even with rotary positions: channels turn in pairs",
                )?;
                require(base.is_finite() && base > 1.0, "model.position.base", base, "be a number above 1")?;
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
