//! The Qwen models (Yang et al. 2024 and 2025), which are like Llama.

use super::super::fields::Fields;
use super::llama::{self, Defaults};
use super::mistral::{expert_tensors, experts, layer_types, with_experts};
use super::{Family, llama_like, with};
use glasshouse_platform::Result;
use glasshouse_protocol::model::Experts;
use glasshouse_protocol::{Bias, Mlp, ModelConfig};
use serde_json::{Map, Value, json};

/// Qwen2 and Qwen2.5 (Yang et al. 2024): Llama with biases on queries, keys and values.
pub(super) const QWEN2: Family = Family {
    padded_biases: |bias| (Bias { qkv: true, ..bias }, false),
    ..llama_like!("qwen2", "Qwen2", read_qwen2, window_fields)
};

fn read_qwen2(fields: &mut Fields) -> Result<ModelConfig> {
    let model = llama::shared(fields, Defaults { kv_heads: Some(32), ..Defaults::LLAMA })?;
    windows(fields, ModelConfig { bias: Bias { qkv: true, ..Bias::default() }, ..model })
}

/// Sets the sliding windows: in blocks after the first `max_window_layers`, or according to `layer_types`.
fn windows(fields: &mut Fields, mut model: ModelConfig) -> Result<ModelConfig> {
    let slides = fields.flag_or("use_sliding_window", false)?;
    model.sliding_window = fields.whole_or("sliding_window", Some(4096))?.filter(|_| slides);
    let first = fields.whole_or_none("max_window_layers")?.unwrap_or(28);
    fields.windows(&mut model, |block| block < first)?;
    Ok(model)
}

fn window_fields(model: &ModelConfig) -> Map<String, Value> {
    let slides = model.sliding_window.is_some();
    let fields = with(llama::shared_fields(model), json!({ "use_sliding_window": slides }));
    if !slides {
        return fields;
    }
    with(fields, json!({ "sliding_window": model.sliding_window, "layer_types": layer_types(model) }))
}

/// Qwen3 (Yang et al. 2025): Llama with RMSNorm on query and key heads.
pub(super) const QWEN3: Family = llama_like!("qwen3", "Qwen3", read_qwen3, write_qwen3);

fn read_qwen3(fields: &mut Fields) -> Result<ModelConfig> {
    let defaults = Defaults { kv_heads: Some(32), head_size: Some(128), ..Defaults::LLAMA };
    let model = llama::shared(fields, defaults)?;
    let bias = llama::attention_bias(fields)?;
    windows(fields, ModelConfig { qk_norm: true, bias, ..model })
}

fn write_qwen3(model: &ModelConfig) -> Map<String, Value> {
    with(window_fields(model), json!({ "attention_bias": model.bias.qkv }))
}

/// Qwen3-MoE (Yang et al. 2025): Qwen3 with experts in place of the MLP.
pub(super) const QWEN3_MOE: Family = Family {
    tensors: |model, table| expert_tensors(model, table, "mlp", ["gate_proj", "up_proj", "down_proj"]),
    ..llama_like!("qwen3_moe", "Qwen3Moe", read_qwen3_moe, write_qwen3_moe)
};

fn read_qwen3_moe(fields: &mut Fields) -> Result<ModelConfig> {
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

fn write_qwen3_moe(model: &ModelConfig) -> Map<String, Value> {
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
