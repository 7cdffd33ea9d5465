//! Qwen2, Qwen2.5, Qwen3 and Qwen3-MoE (Yang et al. 2024 and 2025): Llama with channels in our order.

use super::{Architecture, Settings, count, llama};
use crate::gguf::facts::Facts;
use glasshouse_platform::Result;
use glasshouse_protocol::{Bias, ModelConfig};

/// With biases on queries, keys and values.
pub(super) const QWEN2: Architecture = Architecture { name: "qwen2", read: read_qwen2, ..llama::OUR_ORDER };

/// With RMSNorm on query and key heads.
pub(super) const QWEN3: Architecture = Architecture { name: "qwen3", read: read_qwen3, ..llama::OUR_ORDER };

/// Qwen3 with experts in place of the MLP.
pub(super) const QWEN3_MOE: Architecture =
    Architecture { name: "qwen3moe", read: read_qwen3_moe, write: write_qwen3_moe, ..llama::OUR_ORDER };

fn read_qwen2(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    Ok(ModelConfig { bias: Bias { qkv: true, ..Bias::default() }, ..llama::shared(facts)? })
}

fn read_qwen3(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    Ok(ModelConfig { qk_norm: true, ..llama::shared(facts)? })
}

fn read_qwen3_moe(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    let mut model = llama::shared_with(facts, llama::rope)?;
    model.experts = llama::experts(facts)?;
    model.mlp.hidden = facts.whole("expert_feed_forward_length")?;
    llama::expect_experts(facts, &model)?;
    Ok(ModelConfig { qk_norm: true, ..model })
}

fn write_qwen3_moe(model: &ModelConfig) -> Settings {
    let mut settings = llama::shared_settings(model);
    settings.push(("expert_feed_forward_length", count(model.mlp.hidden)));
    settings
}
