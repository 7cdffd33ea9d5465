//! Qwen3 (Yang et al. 2025): Llama with RMSNorm on query and key heads; channels are stored like ours.

use super::llama::{self, Order};
use super::{Architecture, undivided};
use crate::gguf::facts::Facts;
use glasshouse_platform::Result;
use glasshouse_protocol::ModelConfig;

pub(super) const ARCHITECTURE: Architecture = Architecture {
    name: "qwen3",
    read,
    tensors: |model, table| llama::shared_tensors(model, table, Order::Halves),
    divisors: undivided,
    ..llama::ARCHITECTURE
};

fn read(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    Ok(ModelConfig { qk_norm: true, ..llama::shared(facts)? })
}
