//! Which class of `transformers` computes a model, and its `config.json`.

use crate::error::{Error, Result};
use glasshouse_protocol::{Activation, Gate, ModelConfig, NormKind, NormPlacement, Position};
use serde_json::{Value, json};

/// A class of `transformers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// `GPT2LMHeadModel`: LayerNorm, learned positions, plain MLP; absent biases are written as zeros.
    Gpt2,
    /// `LlamaForCausalLM`: RMSNorm, rotary positions, gated MLP, grouped queries.
    Llama,
    /// `Qwen3ForCausalLM`: Llama with learned RMSNorm on queries and keys.
    Qwen3,
}

impl Architecture {
    /// The class that computes this model exactly, or why none does.
    pub fn of(model: &ModelConfig) -> Result<Self> {
        let refuse = |setting: &str, reason: &str| {
            Err(Error::Refused(format!(
                "this model fits no class of transformers: {setting}: {reason}; its weights are in the run's \
                 checkpoints as safetensors"
            )))
        };
        if model.norm.placement == NormPlacement::Post {
            return refuse("model.norm.placement = \"post\"", "GPT-2 and Llama normalise before each part");
        }
        match (model.norm.kind, model.position) {
            (NormKind::Layer, Position::Learned) => {
                if model.mlp.gate != Gate::None {
                    return refuse("model.mlp.gate", "GPT-2's MLP has no gate");
                }
                if model.qk_norm {
                    return refuse("model.qk_norm = true", "GPT-2 does not normalise queries and keys");
                }
                if model.kv_heads != model.heads {
                    return refuse("model.kv_heads", "GPT-2 has as many key and value heads as query heads");
                }
                if model.heads * model.head_size != model.width {
                    return refuse("model.head_size", "GPT-2's heads times head size make the width");
                }
                Ok(Self::Gpt2)
            }
            (NormKind::Rms, Position::Rope { .. }) => {
                if model.mlp.gate == Gate::None {
                    return refuse("model.mlp.gate = \"none\"", "Llama's MLP is gated (swiglu or geglu)");
                }
                if !model.qk_norm {
                    return Ok(Self::Llama);
                }
                if model.bias {
                    return refuse(
                        "model.bias = true",
                        "Qwen3, which has query and key norms, has no MLP biases",
                    );
                }
                Ok(Self::Qwen3)
            }
            (NormKind::Layer, _) => {
                refuse("model.position", "with LayerNorm only GPT-2's learned positions have a class")
            }
            (NormKind::Rms, _) => {
                refuse("model.position", "with RMSNorm only Llama's rotary positions have a class")
            }
        }
    }

    /// The class's name.
    pub fn class(self) -> &'static str {
        match self {
            Self::Gpt2 => "GPT2LMHeadModel",
            Self::Llama => "LlamaForCausalLM",
            Self::Qwen3 => "Qwen3ForCausalLM",
        }
    }

    /// `config.json`.
    pub fn config(self, model: &ModelConfig, end_of_text: Option<u32>) -> Value {
        let shared = json!({
            "architectures": [self.class()],
            "vocab_size": model.vocabulary,
            "tie_word_embeddings": model.tied_head,
            "initializer_range": shortest(model.init.std),
            "bos_token_id": end_of_text,
            "eos_token_id": end_of_text,
            "dtype": "float32",
            "torch_dtype": "float32",
        });
        let own = match self {
            Self::Gpt2 => json!({
                "model_type": "gpt2",
                "n_positions": model.context_length,
                "n_embd": model.width,
                "n_layer": model.layers,
                "n_head": model.heads,
                "n_inner": model.mlp.hidden,
                "activation_function": activation(model.mlp.activation),
                "layer_norm_epsilon": shortest(model.norm.eps),
                "embd_pdrop": shortest(model.dropout.embedding),
                "attn_pdrop": shortest(model.dropout.attention),
                "resid_pdrop": shortest(model.dropout.residual),
            }),
            Self::Llama | Self::Qwen3 => {
                let base = match model.position {
                    Position::Rope { base } => base,
                    _ => 10000.0,
                };
                json!({
                    "model_type": if self == Self::Llama { "llama" } else { "qwen3" },
                    "max_position_embeddings": model.context_length,
                    "hidden_size": model.width,
                    "num_hidden_layers": model.layers,
                    "num_attention_heads": model.heads,
                    "num_key_value_heads": model.kv_heads,
                    "head_dim": model.head_size,
                    "intermediate_size": model.mlp.hidden,
                    "hidden_act": if model.mlp.gate == Gate::Swiglu { "silu" } else { "gelu_pytorch_tanh" },
                    "rms_norm_eps": shortest(model.norm.eps),
                    "rope_theta": base,
                    "rope_parameters": { "rope_type": "default", "rope_theta": base },
                    "attention_bias": model.bias,
                    "mlp_bias": model.bias,
                    "attention_dropout": shortest(model.dropout.attention),
                })
            }
        };
        merge(shared, own)
    }
}

fn merge(mut left: Value, right: Value) -> Value {
    if let (Some(left), Value::Object(right)) = (left.as_object_mut(), right) {
        left.extend(right);
    }
    left
}

/// The decimal that a person wrote, not the nearest binary fraction with all its digits.
fn shortest(number: f32) -> f64 {
    number.to_string().parse().unwrap_or_else(|_| f64::from(number))
}

/// The activation's name in `transformers`.
fn activation(activation: Activation) -> &'static str {
    match activation {
        Activation::GeluExact => "gelu",
        Activation::GeluTanh => "gelu_new",
        Activation::Relu => "relu",
        Activation::ReluSquared => "relu2",
        Activation::Silu => "silu",
    }
}
