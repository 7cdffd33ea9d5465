//! StableLM 1 to 3B and 2 (Stability AI 2023, Bellagamba et al. 2024): Llama with LayerNorm and partial rotary positions.

use super::super::fields::{Fields, rope_fields, shortest};
use super::llama::{self, Defaults};
use super::{Family, llama_like, with};
use glasshouse_platform::Result;
use glasshouse_protocol::{Bias, ModelConfig, NormConfig, NormKind, Position, Residual};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family =
    Family { padded_biases: |bias| (bias, true), ..llama_like!("stablelm", "StableLm", read, write) };

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    if !fields.has("partial_rotary_factor") {
        fields.replace("partial_rotary_factor", json!(0.25));
    }
    let model = llama::shared(fields, Defaults { partial: true, ..Defaults::LLAMA })?;
    fields.must_be("qk_layernorm", &json!(false))?;
    // The class drops entries of the MLP's output only.
    fields.must_be("hidden_dropout", &json!(0.0))?;
    let parallel = fields.flag_or("use_parallel_residual", false)?;
    let eps = fields.number_or("layer_norm_eps", 1e-5)? as f32;
    Ok(ModelConfig {
        norm: NormConfig { kind: NormKind::Layer, eps, bias: true, ..model.norm },
        residual: if parallel { Residual::ParallelOneNorm } else { Residual::Sequential },
        bias: Bias { qkv: fields.flag_or("use_qkv_bias", false)?, ..Bias::default() },
        ..model
    })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let mut fields = llama::shared_fields(model);
    fields.retain(|name, _| !["head_dim", "rms_norm_eps"].contains(&name.as_str()));
    if let Position::Rope(rope) = &model.position {
        fields.extend(rope_fields(rope, Some(("partial_rotary_factor", model.head_size))));
    }
    let own = json!({
        "layer_norm_eps": shortest(model.norm.eps),
        "use_qkv_bias": model.bias.qkv,
        "use_parallel_residual": model.residual == Residual::ParallelOneNorm,
    });
    with(fields, own)
}
