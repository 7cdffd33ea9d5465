//! Qwen2, Qwen2.5 and Qwen3 (Yang et al. 2024 and 2025): Llama with channels in our order.

use super::{Architecture, llama};
use crate::gguf::facts::Facts;
use glasshouse_platform::Result;
use glasshouse_protocol::{Bias, ModelConfig};

/// With biases on queries, keys and values.
pub(super) const QWEN2: Architecture = Architecture { name: "qwen2", read: read_qwen2, ..llama::OUR_ORDER };

/// With RMSNorm on query and key heads.
pub(super) const QWEN3: Architecture = Architecture { name: "qwen3", read: read_qwen3, ..llama::OUR_ORDER };

fn read_qwen2(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    Ok(ModelConfig { bias: Bias { qkv: true, ..Bias::default() }, ..llama::shared(facts)? })
}

fn read_qwen3(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    Ok(ModelConfig { qk_norm: true, ..llama::shared(facts)? })
}
