//! Qwen3-MoE (Yang et al. 2025): Qwen3 with experts in place of the MLP.

use super::super::fields::Fields;
use super::llama::{self, Defaults};
use super::mixtral::{experts, tensors, with_experts};
use super::{Family, with};
use glasshouse_platform::Result;
use glasshouse_protocol::model::Experts;
use glasshouse_protocol::{Mlp, ModelConfig};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family {
    model_type: "qwen3_moe",
    class: "Qwen3MoeForCausalLM",
    layer_class: "Qwen3MoeDecoderLayer",
    read,
    write,
    tensors: |model, table| tensors(model, table, "mlp", ["gate_proj", "up_proj", "down_proj"]),
    ..llama::FAMILY
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let model = llama::shared(fields, Defaults { kv_heads: Some(4), ..Defaults::LLAMA })?;
    let bias = llama::attention_bias(fields)?;
    // Blocks without experts.
    fields.must_be("decoder_sparse_step", &json!(1))?;
    fields.must_be("mlp_only_layers", &json!([]))?;
    let count = if fields.has("num_local_experts") { "num_local_experts" } else { "num_experts" };
    let experts = Experts {
        renormalise: fields.flag_or("norm_topk_prob", false)?,
        ..experts(fields, count, [128, 8])?
    };
    let mlp = Mlp { hidden: fields.whole_or_none("moe_intermediate_size")?.unwrap_or(768), ..model.mlp };
    // All blocks have the window.
    fields.whole_or_none("max_window_layers")?;
    let slides = fields.flag_or("use_sliding_window", false)?;
    let sliding_window = fields.whole_or("sliding_window", Some(4096))?.filter(|_| slides);
    Ok(ModelConfig { qk_norm: true, bias, experts, mlp, sliding_window, ..model })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let own = json!({
        "use_sliding_window": model.sliding_window.is_some(),
        "sliding_window": model.sliding_window,
        "attention_bias": model.bias.qkv,
        "moe_intermediate_size": model.mlp.hidden,
        "norm_topk_prob": model.experts.renormalise,
        "decoder_sparse_step": 1,
    });
    with_experts(with(llama::shared_fields(model), own), model, "num_experts")
}
