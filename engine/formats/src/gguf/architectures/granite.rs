//! Granite 3 (Granite Team, IBM 2024): Llama with factors on embeddings, attention scores, residual additions and logits.

use super::{Architecture, Settings, llama};
use crate::gguf::facts::Facts;
use glasshouse_platform::Result;
use glasshouse_protocol::ModelConfig;

pub(super) const ARCHITECTURE: Architecture =
    Architecture { name: "granite", read, write, ..llama::ARCHITECTURE };

fn read(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    llama::without_experts(facts)?;
    let model = llama::read(facts)?;
    // A factor of 0 means none.
    let mut factor =
        |name: &str| facts.number_or_none(name).map(|factor| factor.filter(|factor| *factor != 0.0));
    Ok(ModelConfig {
        embedding_scale: factor("embedding_scale")?.unwrap_or(1.0),
        attention_scale: factor("attention.scale")?,
        residual_scale: factor("residual_scale")?.unwrap_or(1.0),
        logit_divisor: facts.number("logit_scale")?,
        ..model
    })
}

fn write(model: &ModelConfig) -> Settings {
    let mut settings = llama::shared_settings(model);
    settings.extend([
        ("embedding_scale", model.embedding_scale.into()),
        ("attention.scale", crate::attention_scale(model).into()),
        ("residual_scale", model.residual_scale.into()),
        ("logit_scale", model.logit_divisor.into()),
    ]);
    settings
}
