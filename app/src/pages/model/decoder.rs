//! The components of the decoder: purpose, parameters and cost. Sizes are computed here from the settings, so that they update at
//! once; memory and FLOPs come from the engine's plan.

use glasshouse_protocol::{Gate, ModelConfig, NormKind, NormPlacement, PlanSummary, Position, Residual};

/// A component of the decoder. Those of a block stand for all blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Component {
    Embedding,
    AttentionNorm,
    Attention,
    /// The second norm of attention, with `NormPlacement::Sandwich`.
    AttentionOutputNorm,
    MlpNorm,
    /// The feed-forward network.
    Mlp,
    /// The second norm of the MLP.
    MlpOutputNorm,
    FinalNorm,
    Head,
}

impl Component {
    /// All components, from the tokens to the logits.
    pub const ALL: [Self; 9] = [
        Self::Embedding,
        Self::AttentionNorm,
        Self::Attention,
        Self::AttentionOutputNorm,
        Self::MlpNorm,
        Self::Mlp,
        Self::MlpOutputNorm,
        Self::FinalNorm,
        Self::Head,
    ];

    pub fn name(self, model: &ModelConfig) -> &'static str {
        match self {
            Self::Embedding => "Embedding",
            Self::AttentionNorm
            | Self::AttentionOutputNorm
            | Self::MlpNorm
            | Self::MlpOutputNorm
            | Self::FinalNorm => match model.norm.kind {
                NormKind::Layer => "LayerNorm",
                NormKind::Rms => "RMSNorm",
            },
            Self::Attention => "Attention",
            Self::Mlp if model.experts.count > 0 => "Mixture of experts",
            Self::Mlp => match model.mlp.gate {
                Gate::None => "MLP",
                Gate::Swiglu => "SwiGLU MLP",
                Gate::Geglu => "GeGLU MLP",
            },
            Self::Head => "Head",
        }
    }

    pub fn sentence(self, model: &ModelConfig) -> &'static str {
        match self {
            Self::Embedding => match model.position {
                Position::Learned => "Embeds each token, and adds learned position embeddings.",
                Position::Sinusoidal => "Embeds each token, and adds sinusoidal position embeddings.",
                Position::Rope(_) => "Embeds each token; positions are rotary (RoPE), in queries and keys.",
                Position::None => {
                    "Embeds each token, without position embeddings: only the mask encodes the order."
                }
            },
            Self::AttentionNorm | Self::AttentionOutputNorm | Self::MlpNorm | Self::MlpOutputNorm => {
                "Rescales a token's vector, so that deep stacks stay stable."
            }
            Self::Attention => "Each token gathers information from earlier tokens.",
            Self::Mlp if model.experts.count > 0 => {
                "A router chooses a few of the block's MLPs for each token, and adds their weighted results."
            }
            Self::Mlp => match model.mlp.gate {
                Gate::None => "Works on each token separately: up-projection, activation, down-projection.",
                _ => "Works on each token separately: one half of the hidden channels gates the other.",
            },
            Self::FinalNorm => "The last norm before the head.",
            Self::Head if model.tied_head => {
                "Computes a logit per token of the vocabulary, with the embedding's own matrix."
            }
            Self::Head => "Computes a logit per token of the vocabulary.",
        }
    }

    /// Whether every block has one.
    pub fn is_in_block(self) -> bool {
        !matches!(self, Self::Embedding | Self::FinalNorm | Self::Head)
    }

    /// Parameters of one instance.
    pub fn parameters(self, model: &ModelConfig) -> u64 {
        let size = |count: usize| count as u64;
        let (width, hidden) = (size(model.width), size(model.hidden_channels()));
        let bias = model.bias;
        let [qkv, output, mlp, head] = [bias.qkv, bias.output, bias.mlp, bias.head].map(u64::from);
        let norm = width * (1 + u64::from(model.norm.bias));
        match self {
            Self::Embedding => {
                let positions =
                    if model.position == Position::Learned { size(model.context_length) } else { 0 };
                (size(model.vocabulary) + positions) * width
            }
            Self::MlpNorm if model.residual == Residual::ParallelOneNorm => 0,
            Self::AttentionNorm | Self::MlpNorm => norm,
            Self::AttentionOutputNorm | Self::MlpOutputNorm => {
                if model.norm.placement == NormPlacement::Sandwich { norm } else { 0 }
            }
            Self::Attention => {
                let packed = size(model.heads + 2 * model.kv_heads) * size(model.head_size);
                let attended = size(model.heads * model.head_size);
                let normed = if model.qk_norm_whole { model.heads + model.kv_heads } else { 2 };
                let head_norms = if model.qk_norm { size(normed * model.head_size) } else { 0 };
                packed * (width + qkv) + width * (attended + output) + head_norms
            }
            Self::Mlp => {
                let up = if model.mlp.gate == Gate::None { hidden } else { 2 * hidden };
                let router = size(model.experts.count) * width;
                up * (width + mlp) + width * (hidden + mlp) + router
            }
            Self::FinalNorm if model.norm.placement.has_final() => norm,
            Self::FinalNorm => 0,
            Self::Head => size(model.vocabulary) * (if model.tied_head { 0 } else { width } + head),
        }
    }

    /// Fraction of a step's FLOPs of all instances; a norm counts with the part it precedes.
    pub fn flops(self, plan: &PlanSummary) -> Option<f64> {
        let ends = |end: &str| -> f64 {
            let all = plan.flops_by_scope.iter();
            all.filter(|(scope, _)| scope.starts_with("blocks.") && scope.ends_with(end))
                .map(|(_, share)| share)
                .sum()
        };
        let named = |name: &str| plan.flops_by_scope.get(name).copied().unwrap_or(0.0);
        match self {
            Self::Embedding => Some(named("embedding")),
            Self::AttentionNorm | Self::AttentionOutputNorm | Self::MlpNorm | Self::MlpOutputNorm => None,
            Self::Attention => Some(ends(".attention")),
            Self::Mlp => Some(ends(".mlp")),
            Self::FinalNorm => Some(named("norm")),
            Self::Head => Some(named("head") + named("loss")),
        }
    }
}

pub fn parameters(model: &ModelConfig) -> u64 {
    let blocks = model.layers as u64;
    Component::ALL
        .iter()
        .map(|part| part.parameters(model) * if part.is_in_block() { blocks } else { 1 })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use glasshouse_protocol::presets;

    #[test]
    fn parameters_are_those_that_were_published() {
        // nanoGPT's README states 0.80 M and 10.65 M, without position embeddings; GPT-2 small has 124,439,808, Gemma 3 270M 268,098,176.
        let count = |name: &str| parameters(&presets::preset(name).unwrap().model);
        assert_eq!(count("gpt2-124m"), 124_439_808);
        assert_eq!(count("nanogpt-cpu"), 795_904 + 64 * 128);
        assert_eq!(count("nanogpt-gpu"), 10_646_784 + 256 * 384);
        let mut gemma = presets::gpt(262_144, 64, 18, 4, 640);
        (gemma.kv_heads, gemma.head_size, gemma.mlp.hidden) = (1, 256, 2048);
        (gemma.position, gemma.mlp.gate, gemma.qk_norm) = (Position::None, Gate::Geglu, true);
        gemma.norm.placement = NormPlacement::Sandwich;
        assert_eq!(parameters(&gemma), 268_098_176);
    }
}
