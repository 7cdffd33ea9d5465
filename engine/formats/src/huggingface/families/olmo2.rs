//! OLMo 2 (Team OLMo 2024): Llama with norms on the outputs of attention and MLP, and on all queries and all keys of a token.

use super::super::fields::Fields;
use super::llama::{self, Defaults};
use super::{Family, llama_like, with};
use glasshouse_platform::Result;
use glasshouse_protocol::{ModelConfig, NormConfig, NormPlacement};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = llama_like!("olmo2", "Olmo2", read, write);

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let model = llama::shared(fields, Defaults { eps: 1e-5, ..Defaults::LLAMA })?;
    fields.full_attention_everywhere()?;
    Ok(ModelConfig {
        qk_norm: true,
        qk_norm_whole: true,
        norm: NormConfig { placement: NormPlacement::Output, ..model.norm },
        bias: llama::attention_bias(fields)?,
        ..model
    })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    with(llama::shared_fields(model), json!({ "attention_bias": model.bias.qkv }))
}
