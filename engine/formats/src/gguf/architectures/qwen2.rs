//! Qwen2 and Qwen2.5 (Yang et al. 2024): Llama with biases on queries, keys and values; channels are stored like ours.

use super::llama::{self, Order};
use super::{Architecture, undivided};
use crate::gguf::facts::Facts;
use glasshouse_platform::Result;
use glasshouse_protocol::{Bias, ModelConfig};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    name: "qwen2",
    read,
    tensors: |model, table| llama::shared_tensors(model, table, Order::Halves),
    divisors: undivided,
    ..llama::ARCHITECTURE
};

fn read(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    Ok(ModelConfig { bias: Bias { qkv: true, ..Bias::default() }, ..llama::shared(facts)? })
}
