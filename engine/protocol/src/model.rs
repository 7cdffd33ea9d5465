//! The decoder's settings. One builder (`engine/compiler/src/model`) turns them into a graph; no other code describes a model.

use crate::order;
use crate::quantity::{counted, whole};
use crate::setting::{Settings as _, above, above_to, choices, settings};
use crate::{Invalid, conversions, is_default, require, rules};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::ops::Bound;

settings! {
    /// Settings of a decoder-only transformer. Shapes use the letters of `shaders/README.md`: C = `width`, H = `heads`, K = `kv_heads`, D =
    /// `head_size`, F = `mlp.hidden`, T = `context_length`, V = `vocabulary`.
    pub struct ModelConfig: "model." {
        /// V: rows of the token embedding. 0 in a preset means the tokenizer's number of entries.
        #[serde(default)]
        pub vocabulary: usize, "Vocabulary", 1..=1 << 22;
        /// Number of tokens that the model sees at once (T); earlier tokens are dropped.
        pub context_length: usize, "Context length", 1..=1 << 20;
        /// Blocks of attention and MLP, applied one after another.
        pub layers: usize, "Layers", 1..=1024;
        /// Channels of the residual stream (C): the numbers that represent a token inside the model.
        pub width: usize, "Width", 1..=1 << 16;
        /// Attention patterns computed in parallel (H), each with its own query weights.
        pub heads: usize, "Heads", 1..=1024;
        /// Heads of keys and values (K), each shared by several query heads to make the KV cache smaller.
        ///
        /// K = H is multi-head attention (MHA), K = 1 multi-query (MQA), values between them grouped-query (GQA, Ainslie et al. 2023).
        pub kv_heads: usize, "Key-value heads", 1..=1024;
        /// Channels of one head (D); H·D need not equal the width.
        pub head_size: usize, "Head size", 1..=256;
        /// Factor on the embeddings before the first block: 1, or √width in Gemma.
        #[serde(default = "one")]
        pub embedding_scale: f32, "Embedding scale", above_to(0.0, 1000.0);
        /// Factor on the products of queries and keys; otherwise 1/√D (GPT-Neo: 1, Granite and Gemma: other values).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub attention_scale: Option<f32>, "Attention scale", above_to(0.0, 1000.0);
        /// Keeps attention scores between −c and c, smoothly: c·tanh(x/c), after the scale and before softmax (Gemma 2).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub attention_softcap: Option<f32>, "Score cap", above_to(0.0, 1000.0);
        /// Factor on the outputs of attention and MLP before they are added to the residual stream (Granite).
        #[serde(default = "one", skip_serializing_if = "is_one")]
        pub residual_scale: f32, "Residual scale", above_to(0.0, 1000.0);
        /// Divides the logits, which starts training with a flatter distribution (Granite).
        #[serde(default = "one", skip_serializing_if = "is_one")]
        pub logit_divisor: f32, "Logit divisor", above_to(0.0, 1000.0);
        /// Maximal update parametrisation (muP): the width at which the learning rate was chosen, so that it also suits this width. Otherwise
        /// the standard parametrisation, whose best rate falls as the width grows.
        ///
        /// With m = width / base width, matrices of blocks start with standard deviations divided by √m and learn at rate / m, and the logits
        /// are divided by m (Yang et al. 2022, arXiv 2203.03466, table 8). At a constant head size, attention stays as it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub base_width: Option<usize>, "Base width", 1..=1 << 16;
        /// Keeps logits between −c and c, smoothly: c·tanh(x/c), after the division (Gemma 2).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub logit_softcap: Option<f32>, "Logit cap", above_to(0.0, 1000.0);
        /// Normalises queries and keys before they are compared, which keeps attention stable in long runs.
        ///
        /// RMSNorm on each query and key head before the rotation (Dehghani et al. 2023, as in Qwen3 with learned weights).
        #[serde(default)]
        pub qk_norm: bool, "Query-key norm";
        /// The query-key norm takes all heads together instead of each head separately.
        ///
        /// One RMSNorm over all H·D query channels and one over all K·D key channels, before the split into heads (OLMo 2).
        #[serde(default, skip_serializing_if = "is_default")]
        pub qk_norm_whole: bool, "Over all heads";
        /// Each token attends to this many positions at most, its own included, which bounds the work and the KV cache of long texts; otherwise
        /// to the whole context (Mistral).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub sliding_window: Option<usize>, "Sliding window", 1..;
        /// Blocks, from 0, that attend to the whole context despite `sliding_window` (Ministral, Qwen2).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub full_attention: Vec<usize>;
        /// Normalisation in every block and before the head.
        pub norm: NormConfig;
        pub position: Position;
        /// The feed-forward part of a block.
        pub mlp: Mlp;
        #[serde(default, skip_serializing_if = "is_default")]
        pub experts: Experts;
        /// Sequential: the MLP reads the stream after attention. Parallel: both read the same input and are computed together.
        #[serde(default)]
        pub residual: Residual, "Residual";
        #[serde(default, deserialize_with = "read_bias", serialize_with = "write_bias")]
        pub bias: Bias;
        /// The head shares the embedding's matrix: fewer weights, and often better small models.
        #[serde(default = "yes")]
        pub tied_head: bool, "Tied head";
        /// Class labels, one output row each in this order, if the head is for classification instead of tokens. Set from the data of a run
        /// with the objective `classify`. A single label makes the head a reward model's score.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub labels: Vec<String>;
        /// Dropout rates, used in training only.
        #[serde(default)]
        pub dropout: Dropout;
        #[serde(default)]
        pub init: Initialisation;
    }
}

/// Settings that are not written at their default, which is this.
pub const UNWRITTEN: [(&str, &str); 12] = [
    ("model.attention_scale", "none"),
    ("model.attention_softcap", "none"),
    ("model.residual_scale", "1"),
    ("model.logit_divisor", "1"),
    ("model.logit_softcap", "none"),
    ("model.qk_norm_whole", "false"),
    ("model.sliding_window", "none"),
    ("model.full_attention", "none"),
    ("model.experts.count", "0"),
    ("model.position.channels", "none"),
    ("model.position.local_base", "none"),
    ("model.position.scaling", "none"),
];

/// GPT-2's shape as nanoGPT trains it: pre-norm LayerNorm, exact GELU, learned positions, tied head.
pub fn gpt(
    vocabulary: usize,
    context_length: usize,
    layers: usize,
    heads: usize,
    width: usize,
) -> ModelConfig {
    ModelConfig {
        vocabulary,
        context_length,
        layers,
        width,
        heads,
        kv_heads: heads,
        head_size: width / heads.max(1),
        embedding_scale: 1.0,
        attention_scale: None,
        attention_softcap: None,
        residual_scale: 1.0,
        logit_divisor: 1.0,
        base_width: None,
        logit_softcap: None,
        qk_norm: false,
        qk_norm_whole: false,
        sliding_window: None,
        full_attention: Vec::new(),
        norm: NormConfig {
            kind: NormKind::Layer,
            eps: 1e-5,
            bias: false,
            placement: NormPlacement::Pre,
            add_unit_offset: false,
        },
        position: Position::Learned,
        mlp: Mlp { hidden: 4 * width, activation: Activation::GeluExact, gate: Gate::None },
        experts: Experts::default(),
        residual: Residual::Sequential,
        bias: Bias::default(),
        tied_head: true,
        labels: Vec::new(),
        dropout: Dropout::default(),
        init: Initialisation::default(),
    }
}

fn one() -> f32 {
    1.0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_one(factor: &f32) -> bool {
    *factor == 1.0
}

fn yes() -> bool {
    true
}

settings! {
    pub struct NormConfig: "model.norm." {
        /// Rescales a token's vector before each part of a block.
        pub kind: NormKind, "Norm";
        /// Prevents division by zero in the norm: added to the variance or mean square before the root.
        pub eps: f32, "Norm epsilon", (Bound::Excluded(0.0), Bound::Excluded(0.1)), scientific;
        /// A learned number added after the norm's scale. RMSNorm has none.
        #[serde(default)]
        pub bias: bool, "Norm bias";
        /// Norms before each part (GPT-2 and later) train more easily; the original transformer had them after each addition. OLMo 2 norms the
        /// parts' outputs, and Gemma 2 their inputs and outputs.
        #[serde(default)]
        pub placement: NormPlacement, "Norm placement";
        /// The norm multiplies by 1 + w. Its weights start at 0, so weight decay pulls towards the identity (Gemma).
        ///
        /// Query and key norms ignore this.
        #[serde(default)]
        pub add_unit_offset: bool, "Norm unit offset";
    }
}

choices! {
    /// Formula of a normalisation.
    pub enum NormKind {
        /// x / √(mean of squares + eps) · scale (Zhang and Sennrich 2019).
        Rms = "rms", "RMSNorm";
        /// (x − mean) / √(variance + eps) · scale + bias (Ba et al. 2016).
        Layer = "layer", "LayerNorm";
    }
}

choices! {
    pub enum NormPlacement = Pre {
        /// x + f(norm(x)), with a final norm before the head: GPT-2 and later models.
        Pre = "pre", "before each part";
        /// norm(x + f(x)), without a final norm: the original transformer (Vaswani et al. 2017).
        Post = "post", "after each addition";
        /// x + norm(f(x)), with a final norm (OLMo 2, Team OLMo 2024).
        Output = "output", "on outputs (OLMo 2)";
        /// x + norm₂(f(norm₁(x))), with a final norm (Gemma 2 and 3, Gemma Team 2024).
        Sandwich = "sandwich", "before and on outputs (Gemma 2)";
    }
}

impl NormPlacement {
    /// Whether attention and MLP read a normalised stream.
    pub fn is_before(self) -> bool {
        matches!(self, Self::Pre | Self::Sandwich)
    }

    /// Name within a part of the norm of its output before the addition: of `blocks.0.attention.output_norm`, for example.
    pub fn output_norm(self) -> Option<&'static str> {
        match self {
            Self::Pre | Self::Post => None,
            Self::Output => Some("norm"),
            Self::Sandwich => Some("output_norm"),
        }
    }

    /// Whether a norm precedes the head: the stream is then a sum of the embedding and the parts' outputs.
    pub fn has_final(self) -> bool {
        self != Self::Post
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Position {
    /// A learned T × C table added to the token embedding (GPT-2).
    Learned,
    /// A fixed sine and cosine table added to the token embedding (Vaswani et al. 2017).
    Sinusoidal,
    /// Rotary embedding of queries and keys (Su et al. 2021), in the half-split layout of Hugging Face's Llama.
    Rope(Rope),
    /// None: order follows from the causal mask only (NoPE, Kazemnejad et al. 2023).
    None,
}

impl Position {
    /// Whether a shorter `context_length` computes the same.
    pub fn ignores_context(&self) -> bool {
        match self {
            Self::Learned | Self::Sinusoidal => false,
            Self::Rope(rope) => {
                !matches!(rope.scaling, Some(RopeScaling::Dynamic { .. } | RopeScaling::Longrope { .. }))
            }
            Self::None => true,
        }
    }
}

settings! {
    /// Settings of rotary positions.
    pub struct Rope: "model.position." {
        /// Sets the slowest rotation of a channel pair, usually 10000. Longer contexts need a larger base.
        ///
        /// The base of the geometric series of frequencies.
        pub base: f32, "Rotary base", above(1.0);
        /// Only this many channels of each head are rotated by position (partial rotary, GPT-NeoX and Phi); the others compare content only.
        ///
        /// R; `None` means all. Channel i is paired with channel i + D/2, for i < R/2; Hugging Face pairs it with i + R/2, so imports permute
        /// the channels.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub channels: Option<usize>, "Rotary channels", 2..=256;
        /// Scaling of the frequencies for contexts longer than in the original training.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub scaling: Option<RopeScaling>;
        /// Rotary base of the layers with a sliding window, which are then not scaled; rotary base and scaling then apply to the others.
        ///
        /// `None` means `base`, scaled (Gemma 3).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub local_base: Option<f32>, "Local rotary base", above(1.0);
        /// One layer in this many has no positional encoding, which helps on texts longer than those of training; 0 means none.
        ///
        /// Every n-th layer, counted from 1 (4 in SmolLM3).
        #[serde(default)]
        pub skip_every: usize, "NoPE layers: every", 0..=1024;
    }
}

impl Rope {
    /// Rotates all channels of all layers, with this base.
    pub const fn new(base: f32) -> Self {
        Self { base, channels: None, scaling: None, local_base: None, skip_every: 0 }
    }

    /// Whether a layer, counted from 0, rotates its queries and keys.
    pub fn turns(&self, layer: usize) -> bool {
        self.skip_every == 0 || !(layer + 1).is_multiple_of(self.skip_every)
    }

    fn validate(&self, head_size: usize) -> Result<(), Invalid> {
        self.check()?;
        if let Some(channels) = self.channels {
            let fits = channels >= 2 && channels.is_multiple_of(2) && channels <= head_size;
            let rule = format!("be even, at least 2 and at most model.head_size ({head_size})");
            require(fits, "model.position.channels", channels, rule)?;
        }
        let channels = self.channels.unwrap_or(head_size);
        self.scaling.as_ref().map_or(Ok(()), |scaling| scaling.validate(channels))
    }
}

/// Frequency scaling of rotary positions, with the names and formulas of `rope_scaling` in `transformers`. An attention factor
/// multiplies the cosines and sines of the rotated channels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum RopeScaling {
    /// Scales all frequencies equally (position interpolation, Chen et al. 2023).
    Linear {
        /// Divisor of the angles.
        factor: f32,
    },
    /// Scales low frequencies by the factor, leaves high ones unchanged and interpolates in between (Llama 3.1).
    Llama3 {
        /// Divisor of the angles with long wavelengths.
        factor: f32,
        /// Wavelengths above `original_context_length` / `low_freq_factor` are scaled fully.
        low_freq_factor: f32,
        /// Wavelengths below `original_context_length` / `high_freq_factor` are not scaled.
        high_freq_factor: f32,
        /// Context length of the original training.
        original_context_length: usize,
    },
    /// Raises the base for contexts beyond the original one (dynamic NTK), here by the model's context length T: base ·
    /// (factor·T/original − (factor − 1))^(R/(R − 2)).
    Dynamic { factor: f32, original_context_length: usize },
    /// Scales frequencies with few turns in the original context and keeps those with many (Peng et al. 2023).
    Yarn {
        factor: f32,
        original_context_length: usize,
        /// `None` means 0.1·ln(factor) + 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attention_factor: Option<f32>,
        /// Frequencies with at least this many turns are not scaled.
        #[serde(default = "fast")]
        beta_fast: f32,
        /// Frequencies with at most this many turns are scaled fully.
        #[serde(default = "one")]
        beta_slow: f32,
        /// Round the bounds between these to whole channel pairs.
        #[serde(default = "yes")]
        truncate: bool,
    },
    /// A divisor for each of the R/2 channel pairs (Ding et al. 2024; Phi-3).
    Longrope {
        /// Divisors if T ≤ `original_context_length`.
        short_factor: Vec<f32>,
        /// Divisors for larger T.
        long_factor: Vec<f32>,
        original_context_length: usize,
        /// `None` means √(1 + ln(T/original)/ln(original)), or 1 if T ≤ original.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        attention_factor: Option<f32>,
    },
}

fn fast() -> f32 {
    32.0
}

impl RopeScaling {
    /// `channels` is R, the number of rotated channels.
    fn validate(&self, channels: usize) -> Result<(), Invalid> {
        let above_zero = |number: f32| number.is_finite() && number > 0.0;
        let (mut factor, mut attention, mut original) = (1.0, None, 2);
        match self {
            Self::Linear { factor: own } => factor = *own,
            Self::Llama3 { factor: own, low_freq_factor, high_freq_factor, original_context_length } => {
                (factor, original) = (*own, *original_context_length);
                require(
                    above_zero(*low_freq_factor)
                        && high_freq_factor > low_freq_factor
                        && high_freq_factor.is_finite(),
                    "model.position.scaling.high_freq_factor",
                    high_freq_factor,
                    "be above low_freq_factor, which must be above 0",
                )?;
            }
            Self::Dynamic { factor: own, original_context_length } => {
                (factor, original) = (*own, *original_context_length);
                let rule = "be at least 4 with dynamic scaling";
                require(channels >= 4, "model.position.channels", channels, rule)?;
            }
            Self::Yarn {
                factor: own,
                original_context_length,
                attention_factor,
                beta_fast,
                beta_slow,
                ..
            } => {
                (factor, attention, original) = (*own, *attention_factor, *original_context_length);
                require(
                    above_zero(*beta_slow) && beta_fast > beta_slow && beta_fast.is_finite(),
                    "model.position.scaling.beta_fast",
                    beta_fast,
                    "be above beta_slow, which must be above 0",
                )?;
            }
            Self::Longrope { short_factor, long_factor, original_context_length, attention_factor } => {
                (attention, original) = (*attention_factor, *original_context_length);
                for (field, factors) in [
                    ("model.position.scaling.short_factor", short_factor),
                    ("model.position.scaling.long_factor", long_factor),
                ] {
                    let fits = factors.len() == channels / 2 && factors.iter().all(|own| above_zero(*own));
                    let rule = format!("be {} numbers above 0, one per channel pair", channels / 2);
                    require(fits, field, format!("{factors:?}"), rule)?;
                }
            }
        }
        let attention = attention.unwrap_or(1.0);
        rules! {
            factor.is_finite() && factor >= 1.0 => "model.position.scaling.factor", factor, "be a number of at least 1";
            original >= 2 => "model.position.scaling.original_context_length", original, "be at least 2";
            above_zero(attention) => "model.position.scaling.attention_factor", attention, "be a number above 0";
        }
        Ok(())
    }
}

choices! {
    /// Arrangement of the residual connections of a block.
    pub enum Residual = Sequential {
        /// y = x + attention(norm(x)), then y + MLP(norm(y)): GPT-2, Llama.
        Sequential = "sequential", "sequential";
        /// x + attention(norm₁(x)) + MLP(norm₂(x)): GPT-NeoX (Wang and Komatsuzaki 2021).
        Parallel = "parallel", "parallel (GPT-NeoX)";
        /// x + attention(norm(x)) + MLP(norm(x)), with one shared norm: GPT-J, Phi.
        ParallelOneNorm = "parallel_one_norm", "parallel, one norm (Phi)";
    }
}

settings! {
    /// Biases of the linear layers. In settings, `true` means all but the head, `false` none.
    #[derive(Copy, Eq)]
    pub struct Bias: "model.bias." {
        /// A learned number added after the projection to queries, keys and values. Newer models leave biases out.
        pub qkv: bool = false, "Query, key and value biases";
        /// A learned number added after attention's output projection.
        pub output: bool = false, "Attention output bias";
        /// A learned number added after each layer of the MLP.
        pub mlp: bool = false, "MLP biases";
        /// A learned number added to each logit (Phi).
        pub head: bool = false, "Head bias";
    }
}

impl Bias {
    pub fn any(self) -> bool {
        self.qkv || self.output || self.mlp || self.head
    }
}

conversions! { BTreeMap<&'static str, bool>:
    Bias: |bias| [("qkv", bias.qkv), ("output", bias.output), ("mlp", bias.mlp), ("head", bias.head)].into();
}

/// Accepted spellings of [`Bias`] in settings.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected true, false, or a table of qkv, output, mlp and head")]
enum BiasForm {
    Blocks(bool),
    Each(Bias),
}

fn read_bias<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Bias, D::Error> {
    Ok(match BiasForm::deserialize(deserializer)? {
        BiasForm::Blocks(all) => all.into(),
        BiasForm::Each(bias) => bias,
    })
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn write_bias<S: Serializer>(bias: &Bias, serializer: S) -> Result<S::Ok, S::Error> {
    let all = *bias == bias.qkv.into();
    if all { BiasForm::Blocks(bias.qkv) } else { BiasForm::Each(*bias) }.serialize(serializer)
}

conversions! { Bias:
    bool: |all| Self { qkv: all, output: all, mlp: all, head: false };
}

settings! {
    /// The feed-forward part of a block.
    #[derive(Copy)]
    pub struct Mlp: "model.mlp." {
        /// Hidden channels of the MLP (F), the part of a block that works on each token separately.
        pub hidden: usize, "Hidden size", 1..=1 << 18;
        /// The non-linearity between the MLP's linear layers. With a gate, the gate determines it.
        #[serde(default)]
        pub activation: Activation, "Activation";
        /// One half of the hidden channels multiplies the other half: down(gate(x) ⊙ up(x)) instead of down(activation(up(x))).
        #[serde(default)]
        pub gate: Gate, "Gate";
    }
}

settings! {
    /// Mixture of experts: each block has several MLPs of the same size, and a router chooses few of them for each token.
    #[derive(Copy)]
    pub struct Experts: "model.experts." {
        /// MLPs of each block (E), of which a router chooses a few for each token: more weights at the same compute per token. 0 means one MLP for
        /// all tokens. A GPU computes all experts and discards the unused results, so it gains capacity but not speed.
        pub count: usize = 0, "Experts", 0..=1024;
        /// Experts per token (k); their results are added, weighted by the router. No token is dropped.
        pub per_token: usize = 2, "Experts per token", 1..=1024;
        /// The weights of a token's experts add up to 1 (Mixtral); otherwise they are their shares of a softmax over all experts (Qwen-MoE).
        pub renormalise: bool = true, "Renormalised expert weights";
        /// Pulls the router towards choosing all experts equally often. Too little, and few experts get all tokens; too much, and the choice
        /// depends less on the token.
        ///
        /// Coefficient of E·Σ fₑ·Pₑ, with fₑ the share of the tokens of a micro-batch that choose an expert and Pₑ the mean of its softmax (Fedus
        /// et al. 2021), as in transformers, but a mean over the blocks.
        pub balance: f32 = 0.01, "Load balancing", 0.0..=10.0;
        /// Keeps the router's logits small, which keeps training stable.
        ///
        /// Coefficient of the mean of (log Σ exp logits)² (Zoph et al. 2022).
        pub z_loss: f32 = 0.001, "Router z-loss", 0.0..=10.0;
    }
}

choices! {
    /// Non-linearity of an MLP without a gate.
    pub enum Activation = GeluExact {
        /// x·Φ(x) with the error function (Hendrycks and Gimpel 2016), as in nanoGPT.
        GeluExact = "gelu_exact", "GELU";
        /// GELU's tanh approximation, as in OpenAI's GPT-2 (`gelu_new`).
        GeluTanh = "gelu_tanh", "GELU (tanh)";
        /// max(x, 0).
        Relu = "relu", "ReLU";
        /// max(x, 0)² (So et al. 2021).
        ReluSquared = "relu_squared", "ReLU squared";
        /// x·σ(x).
        Silu = "silu", "SiLU";
    }
}

choices! {
    /// Gate of a gated MLP.
    pub enum Gate = None {
        /// A plain MLP.
        None = "none", "none";
        /// SiLU gate (Llama).
        Swiglu = "swiglu", "SwiGLU (Llama)";
        /// GELU (tanh) gate (Gemma).
        Geglu = "geglu", "GeGLU (Gemma)";
    }
}

settings! {
    /// Dropout rates: shares of numbers set to zero at random during training. Helps on small texts that are read many times.
    #[derive(Copy)]
    pub struct Dropout: "model.dropout." {
        /// Share of numbers set to zero at random during training, in the sum of token and position embeddings.
        pub embedding: f32 = 0.0, "Embedding dropout", 0.0..1.0;
        /// Share of numbers set to zero at random during training, in the attention probabilities.
        pub attention: f32 = 0.0, "Attention dropout", 0.0..1.0;
        /// Share of numbers set to zero at random during training, in the outputs of attention and MLP.
        pub residual: f32 = 0.0, "Residual dropout", 0.0..1.0;
    }
}

impl Dropout {
    /// The same rate everywhere, as in nanoGPT.
    pub const fn everywhere(rate: f32) -> Self {
        Self { embedding: rate, attention: rate, residual: rate }
    }
}

settings! {
    /// Weight initialisation: normal with mean 0; norm scales are 1, biases 0.
    #[derive(Copy)]
    pub struct Initialisation: "model.init." {
        /// Standard deviation of the initial weights, in every matrix and embedding.
        pub std: f32 = 0.02, "Initial standard deviation", 0.0..=1.0;
        /// Projections into the residual stream start smaller the more layers there are, so that the stream keeps its scale.
        ///
        /// Their standard deviation is divided by √(2·layers) (GPT-2).
        pub scale_residual: bool = true, "Scaled residual initialisation";
    }
}

impl ModelConfig {
    /// Width relative to [`Self::base_width`]; 1 in the standard parametrisation.
    pub fn width_multiplier(&self) -> f32 {
        self.base_width.map_or(1.0, |base| self.width as f32 / base.max(1) as f32)
    }

    /// Sets the logit divisor that muP prescribes, after a change of the width.
    pub fn settle_parametrisation(&mut self) {
        if self.base_width.is_some() {
            self.logit_divisor = self.width_multiplier();
        }
    }

    /// Output size of the head: the number of labels, if any, else V.
    pub fn outputs(&self) -> usize {
        if self.labels.is_empty() { self.vocabulary } else { self.labels.len() }
    }

    /// Number of positions a block's query attends to, its own included; `None` for the whole context.
    pub fn window(&self, block: usize) -> Option<usize> {
        // A window as long as the context has no effect.
        self.sliding_window
            .filter(|window| *window < self.context_length && !self.full_attention.contains(&block))
    }

    /// The rotary positions of a block, with its own base and scaling; `None` if it does not rotate.
    pub fn rope(&self, block: usize) -> Option<Rope> {
        let Position::Rope(rope) = &self.position else { return None };
        let is_local = self.sliding_window.is_some() && !self.full_attention.contains(&block);
        let own = match rope.local_base.filter(|_| is_local) {
            Some(base) => Rope { base, scaling: None, local_base: None, ..rope.clone() },
            None => Rope { local_base: None, ..rope.clone() },
        };
        rope.turns(block).then_some(own)
    }

    /// Hidden channels of a block's MLP, of all experts together.
    pub fn hidden_channels(&self) -> usize {
        self.mlp.hidden * self.experts.count.max(1)
    }

    /// Weights that a token does not use: those of the experts that are not chosen for it.
    pub fn inactive_parameters(&self) -> usize {
        let Experts { count, per_token, .. } = self.experts;
        let matrices = if self.mlp.gate == Gate::None { 2 } else { 3 };
        self.layers * matrices * self.width * self.mlp.hidden * count.saturating_sub(per_token)
    }

    fn validate_experts(&self) -> Result<(), Invalid> {
        let Experts { count, per_token, .. } = self.experts;
        if count == 0 {
            return Ok(());
        }
        self.experts.check()?;
        rules! {
            count >= 2 => "model.experts.count", count, "be 0 (no experts) or at least 2";
            per_token <= count => "model.experts.per_token", per_token, format!("be at most model.experts.count ({count})");
            !self.bias.mlp => "model.bias.mlp", true, "be false with model.experts.count above 0: experts have no biases";
        }
        Ok(())
    }

    /// Whether the model is a reward model: its head has one output, the score of a text.
    pub fn scores(&self) -> bool {
        self.labels.len() == 1
    }

    /// The shape in a few words: `4 layers · width 128 · context length 64`.
    pub fn shape(&self) -> String {
        let layers = counted(self.layers as u64, "layer");
        let [width, context] = [self.width, self.context_length].map(|number| whole(number as u64));
        format!("{layers} · width {width} · context length {context}")
    }

    /// Checks all rules and names the first broken one. `vocabulary` must be set.
    pub fn validate(&self) -> Result<(), Invalid> {
        self.check()?;
        self.norm.check()?;
        self.mlp.check()?;
        self.validate_experts()?;
        self.dropout.check()?;
        self.init.check()?;
        let (kv_heads, divisor, most) = (self.kv_heads, self.width_multiplier(), 1 << 16);
        let distinct = order::distinct(&self.labels).len() == self.labels.len();
        let beyond = self.full_attention.iter().find(|block| **block >= self.layers);
        let is_rms = self.norm.kind == NormKind::Rms;
        let fits = self.residual == Residual::Sequential || self.norm.placement == NormPlacement::Pre;
        let scales = self.base_width.is_none() || self.logit_divisor == divisor;
        rules! {
            self.heads.is_multiple_of(kv_heads) => "model.heads", self.heads, format!("be a multiple of model.kv_heads ({kv_heads})");
            self.logit_divisor == 1.0 || !self.bias.head => "model.logit_divisor", self.logit_divisor, "be 1 with model.bias.head";
            scales => "model.logit_divisor", self.logit_divisor, format!("be {divisor} (width / base width) with model.base_width");
            self.qk_norm || !self.qk_norm_whole => "model.qk_norm_whole", true, "be false without model.qk_norm";
            !(self.norm.bias && is_rms) => "model.norm.bias", true, "be false with norm.kind = \"rms\": RMSNorm has no bias";
            fits => "model.residual", format!("{:?}", self.residual), "be sequential unless norm.placement = \"pre\"";
            self.labels.len() <= most => "model.labels", self.labels.len(), format!("be at most {most}");
            distinct => "model.labels", self.labels.join(", "), "be distinct";
            beyond.is_none() => "model.full_attention", beyond.copied().unwrap_or_default(), format!("be a block number below {}", self.layers);
        }
        match &self.position {
            Position::Rope(rope) => {
                let (is_even, rule) = (
                    self.head_size.is_multiple_of(2),
                    "be even with rotary positions: channels turn in pairs",
                );
                require(is_even, "model.head_size", self.head_size, rule)?;
                rope.validate(self.head_size)
            }
            Position::Sinusoidal => {
                let rule = "be even with sinusoidal positions: channels come in pairs";
                require(self.width.is_multiple_of(2), "model.width", self.width, rule)
            }
            Position::Learned | Position::None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RunConfig, presets};

    fn run() -> RunConfig {
        let mut run = presets::preset("llama-tiny").unwrap();
        run.model.vocabulary = 300;
        run
    }

    fn refused(change: impl Fn(&mut ModelConfig)) -> String {
        let mut model = run().model;
        model.validate().unwrap();
        change(&mut model);
        model.validate().unwrap_err().field
    }

    fn rope(change: impl Fn(&mut Rope)) -> String {
        refused(|model| {
            let mut rope = Rope::new(100.0);
            change(&mut rope);
            model.position = Position::Rope(rope);
        })
    }

    #[test]
    fn factors_that_are_no_numbers_above_0_are_refused_by_name() {
        for bad in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            assert_eq!(refused(|model| model.attention_scale = Some(bad)), "model.attention_scale");
            assert_eq!(refused(|model| model.attention_softcap = Some(bad)), "model.attention_softcap");
            assert_eq!(refused(|model| model.residual_scale = bad), "model.residual_scale");
            assert_eq!(refused(|model| model.logit_divisor = bad), "model.logit_divisor");
            assert_eq!(refused(|model| model.logit_softcap = Some(bad)), "model.logit_softcap");
            assert_eq!(rope(|rope| rope.local_base = Some(bad)), "model.position.local_base");
            let scaled = |scaling: RopeScaling| rope(|rope| rope.scaling = Some(scaling.clone()));
            let (original_context_length, attention_factor) = (64, None);
            let dynamic = RopeScaling::Dynamic { factor: bad, original_context_length };
            assert_eq!(scaled(dynamic), "model.position.scaling.factor");
            let yarn = |attention_factor, beta_slow| RopeScaling::Yarn {
                factor: 2.0,
                original_context_length,
                attention_factor,
                beta_fast: 32.0,
                beta_slow,
                truncate: true,
            };
            assert_eq!(scaled(yarn(Some(bad), 1.0)), "model.position.scaling.attention_factor");
            assert_eq!(scaled(yarn(None, bad)), "model.position.scaling.beta_fast");
            let longrope = |short_factor, long_factor| RopeScaling::Longrope {
                short_factor,
                long_factor,
                original_context_length,
                attention_factor,
            };
            let pairs = run().model.head_size / 2;
            let (good, wrong) = (vec![1.0; pairs], vec![bad; pairs]);
            assert_eq!(scaled(longrope(wrong, good.clone())), "model.position.scaling.short_factor");
            assert_eq!(scaled(longrope(good, vec![1.0; pairs + 1])), "model.position.scaling.long_factor");
        }
        let short = RopeScaling::Dynamic { factor: 2.0, original_context_length: 1 };
        let field = rope(|rope| rope.scaling = Some(short.clone()));
        assert_eq!(field, "model.position.scaling.original_context_length");
        assert_eq!(refused(|model| model.qk_norm_whole = true), "model.qk_norm_whole");
        let both = |model: &mut ModelConfig| (model.logit_divisor, model.bias.head) = (2.0, true);
        assert_eq!(refused(both), "model.logit_divisor");
        for placement in [NormPlacement::Post, NormPlacement::Output, NormPlacement::Sandwich] {
            let parallel = |model: &mut ModelConfig| {
                (model.residual, model.norm.placement) = (Residual::Parallel, placement);
            };
            assert_eq!(refused(parallel), "model.residual");
        }
    }

    #[test]
    fn experts_that_cannot_be_chosen_are_refused_by_name() {
        let few = |count, per_token| {
            move |model: &mut ModelConfig| (model.experts.count, model.experts.per_token) = (count, per_token)
        };
        assert_eq!(refused(few(1, 1)), "model.experts.count");
        for per_token in [0, 5] {
            assert_eq!(refused(few(4, per_token)), "model.experts.per_token");
        }
        assert_eq!(refused(|model| (model.experts.count, model.bias.mlp) = (4, true)), "model.bias.mlp");
        let balance = |model: &mut ModelConfig| (model.experts.count, model.experts.balance) = (4, f32::NAN);
        assert_eq!(refused(balance), "model.experts.balance");
        let mut run = run();
        assert!(!run.to_toml().unwrap().contains("experts"));
        let whole = run.model.inactive_parameters();
        for assignment in ["model.experts.count=4", "model.experts.per_token=1"] {
            run.set(assignment).unwrap();
        }
        run.validate().unwrap();
        let channels = 3 * run.model.width * run.model.mlp.hidden * run.model.layers;
        assert_eq!((whole, run.model.inactive_parameters()), (0, 3 * channels));
        assert_eq!(RunConfig::from_toml(&run.to_toml().unwrap()).unwrap(), run);
        run.set("train.adapter.targets=qkv,up").unwrap();
        assert_eq!(run.validate().unwrap_err().field, "train.adapter.targets");
    }

    #[test]
    fn settings_of_few_models_are_written_only_if_set() {
        let plain = run();
        let text = plain.to_toml().unwrap();
        for name in
            ["attention_scale", "residual_scale", "logit_divisor", "softcap", "qk_norm_whole", "local_base"]
        {
            assert!(!text.contains(name), "{name}");
        }
        let mut run = plain;
        let model = &mut run.model;
        (model.attention_scale, model.residual_scale, model.logit_divisor) = (Some(0.5), 0.25, 8.0);
        (model.logit_softcap, model.attention_softcap) = (Some(30.0), Some(50.0));
        (model.qk_norm, model.qk_norm_whole) = (true, true);
        (model.norm.placement, model.sliding_window) = (NormPlacement::Sandwich, Some(8));
        model.full_attention = vec![1];
        model.position = Position::Rope(Rope {
            scaling: Some(RopeScaling::Longrope {
                short_factor: vec![1.0; model.head_size / 2],
                long_factor: vec![2.5; model.head_size / 2],
                original_context_length: 32,
                attention_factor: Some(1.25),
            }),
            local_base: Some(50.0),
            ..Rope::new(100.0)
        });
        model.validate().unwrap();
        // Blocks with a window have a base of their own and no scaling, others the base and the scaling.
        let [local, full] = [0, 1].map(|block| model.rope(block).unwrap());
        assert_eq!(local, Rope::new(50.0));
        assert!(full.base == 100.0 && full.scaling.is_some() && full.local_base.is_none());
        assert!(!model.position.ignores_context());
        assert_eq!(RunConfig::from_toml(&run.to_toml().unwrap()).unwrap().model, run.model);
    }
}
