//! Granite 3 (Granite Team, IBM 2024): Llama with factors on embeddings, attention scores, residual additions and logits.

use super::super::fields::{Fields, shortest};
use super::llama::{self, Defaults};
use super::{Family, llama_like, with};
use glasshouse_platform::Result;
use glasshouse_protocol::{Bias, ModelConfig};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = llama_like!("granite", "Granite", read, write);

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let model = llama::shared(fields, Defaults::LLAMA)?;
    fields.full_attention_everywhere()?;
    let mut factor = |name| fields.number_or(name, 1.0).map(|factor| factor as f32);
    Ok(ModelConfig {
        embedding_scale: factor("embedding_multiplier")?,
        attention_scale: Some(factor("attention_multiplier")?),
        residual_scale: factor("residual_multiplier")?,
        logit_divisor: factor("logits_scaling")?,
        bias: Bias { mlp: fields.flag_or("mlp_bias", false)?, ..llama::attention_bias(fields)? },
        ..model
    })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let factors = json!({
        "embedding_multiplier": shortest(model.embedding_scale),
        "attention_multiplier": shortest(crate::attention_scale(model)),
        "residual_multiplier": shortest(model.residual_scale),
        "logits_scaling": shortest(model.logit_divisor),
    });
    with(llama::FAMILY.write(model), factors)
}
