//! Mistral 7B (Jiang et al. 2023): Llama with a sliding window; and Ministral (Mistral AI 2024), which has it in some blocks.

use super::super::fields::{Fields, shortest};
use super::llama::{self, Defaults};
use super::{Family, llama_like, with};
use crate::tensors::{BiasRule::AsOurs, Rows, TensorTable};
use glasshouse_platform::Result;
use glasshouse_protocol::ModelConfig;
use glasshouse_protocol::model::Experts;
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = llama_like!("mistral", "Mistral", read, write);

/// The class for a Mistral with `layer_types`.
pub(super) const MINISTRAL: Family = llama_like!("ministral", "Ministral", read_ministral, |model| with(
    write(model),
    json!({ "layer_types": layer_types(model) })
));

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let model = llama::shared(fields, Defaults { kv_heads: Some(8), ..Defaults::LLAMA })?;
    let sliding_window = fields.whole_or("sliding_window", Some(4096))?;
    Ok(ModelConfig { sliding_window, ..model })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    with(llama::shared_fields(model), json!({ "sliding_window": model.sliding_window }))
}

fn read_ministral(fields: &mut Fields) -> Result<ModelConfig> {
    let mut model = read(fields)?;
    // Without `layer_types`, all blocks have a sliding window.
    fields.windows(&mut model, |_| false)?;
    Ok(model)
}

/// Attention type of each block, in transformers' naming.
pub(super) fn layer_types(model: &ModelConfig) -> Value {
    let is_full = |block| model.sliding_window.is_none() || model.full_attention.contains(&block);
    let kind = |block| if is_full(block) { "full_attention" } else { "sliding_attention" };
    (0..model.layers).map(kind).collect()
}

/// Mixtral (Jiang et al. 2024): Mistral with experts in place of the MLP.
pub(super) const MIXTRAL: Family = Family {
    tensors: |model, table| expert_tensors(model, table, "block_sparse_moe", ["w1", "w3", "w2"]),
    ..llama_like!("mixtral", "Mixtral", read_mixtral, write_mixtral)
};

fn read_mixtral(fields: &mut Fields) -> Result<ModelConfig> {
    let defaults = Defaults { theta: 1e6, kv_heads: Some(8), eps: 1e-5, ..Defaults::LLAMA };
    let model = llama::shared(fields, defaults)?;
    let sliding_window = fields.whole_or("sliding_window", None)?;
    fields.must_be("router_jitter_noise", &json!(0.0))?;
    let experts = Experts { renormalise: true, ..experts(fields, "num_local_experts", [8, 2])? };
    Ok(ModelConfig { sliding_window, experts, ..model })
}

fn write_mixtral(model: &ModelConfig) -> Map<String, Value> {
    with_experts(write(model), model, "num_local_experts")
}

/// The fields of experts; `default` has their number and how many work on a token.
pub(super) fn experts(fields: &mut Fields, count: &str, default: [usize; 2]) -> Result<Experts> {
    // Whether the class adds the router's loss by itself.
    fields.flag_or("output_router_logits", false)?;
    Ok(Experts {
        count: fields.whole_or_none(count)?.unwrap_or(default[0]),
        per_token: fields.whole_or_none("num_experts_per_tok")?.unwrap_or(default[1]),
        balance: fields.number_or("router_aux_loss_coef", 0.001)? as f32,
        z_loss: 0.0,
        ..Experts::default()
    })
}

pub(super) fn with_experts(
    fields: Map<String, Value>,
    model: &ModelConfig,
    count: &str,
) -> Map<String, Value> {
    let experts = &model.experts;
    let own = json!({
        count: experts.count,
        "num_experts_per_tok": experts.per_token,
        "router_aux_loss_coef": shortest(experts.balance),
    });
    with(fields, own)
}

/// Llama's tensors with experts: the name of their part of a block, and of an expert's gate, up and down projections.
pub(super) fn expert_tensors(model: &ModelConfig, table: &mut TensorTable<'_>, part: &str, names: [&str; 3]) {
    llama::tensors(model, table);
    let hidden = model.mlp.hidden;
    table.blocks(model.layers, "model.layers", |block| {
        block.whole(&format!("{part}.gate.weight"), "mlp.router.weight");
        for expert in 0..model.experts.count {
            let [gate, up, down] = names.map(|name| format!("{part}.experts.{expert}.{name}"));
            for (name, first) in [(gate, 2 * expert), (up, 2 * expert + 1)] {
                let rows = Rows::Range(first * hidden..(first + 1) * hidden);
                block.rows(&name, "mlp.up", rows, AsOurs);
            }
            let columns = expert * hidden..(expert + 1) * hidden;
            block.columns(&format!("{down}.weight"), "mlp.down.weight", columns);
        }
    });
}
