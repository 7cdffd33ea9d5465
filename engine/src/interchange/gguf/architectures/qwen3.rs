//! Qwen3 (Yang et al. 2025): Llama with RMSNorm on the heads of queries and keys, whose channels are stored as ours are.

use super::llama::{self, Order};
use super::{Architecture, exactly};
use crate::error::Result;
use crate::interchange::gguf::facts::Facts;
use glasshouse_protocol::ModelConfig;

pub(super) const ARCHITECTURE: Architecture = Architecture {
    name: "qwen3",
    read,
    write: llama::shared_settings,
    tensors: |model, table| llama::shared_tensors(model, table, Order::Halves),
    padded_biases: |bias| (bias, false),
    nearly: exactly,
};

fn read(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    Ok(ModelConfig { qk_norm: true, ..llama::shared(facts)? })
}
