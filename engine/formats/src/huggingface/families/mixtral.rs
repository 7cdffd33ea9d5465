//! Mixtral (Jiang et al. 2024): Mistral with experts in place of the MLP.

use super::super::fields::{Fields, shortest};
use super::llama::{self, Defaults};
use super::{Family, mistral, with};
use crate::tensors::{BiasRule::AsOurs, Rows, TensorTable};
use glasshouse_platform::Result;
use glasshouse_protocol::ModelConfig;
use glasshouse_protocol::model::Experts;
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family {
    model_type: "mixtral",
    class: "MixtralForCausalLM",
    layer_class: "MixtralDecoderLayer",
    read,
    write,
    tensors: |model, table| tensors(model, table, "block_sparse_moe", ["w1", "w3", "w2"]),
    ..llama::FAMILY
};

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    let defaults = Defaults { theta: 1e6, kv_heads: Some(8), eps: 1e-5, ..Defaults::LLAMA };
    let model = llama::shared(fields, defaults)?;
    let sliding_window = fields.whole_or("sliding_window", None)?;
    fields.must_be("router_jitter_noise", &json!(0.0))?;
    let experts = Experts { renormalise: true, ..experts(fields, "num_local_experts", [8, 2])? };
    Ok(ModelConfig { sliding_window, experts, ..model })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    with_experts(mistral::write(model), model, "num_local_experts")
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
pub(super) fn tensors(model: &ModelConfig, table: &mut TensorTable<'_>, part: &str, names: [&str; 3]) {
    llama::tensors(model, table);
    let hidden = model.mlp.hidden;
    for block in 0..model.layers {
        let (ours, theirs) = (format!("blocks.{block}.mlp"), format!("model.layers.{block}.{part}"));
        table.whole(format!("{theirs}.gate.weight"), &format!("{ours}.router.weight"));
        for expert in 0..model.experts.count {
            let [gate, up, down] = names.map(|name| format!("{theirs}.experts.{expert}.{name}"));
            for (name, first) in [(gate, 2 * expert), (up, 2 * expert + 1)] {
                let rows = Rows::Range(first * hidden..(first + 1) * hidden);
                table.rows(&name, &format!("{ours}.up"), rows, AsOurs);
            }
            let columns = expert * hidden..(expert + 1) * hidden;
            table.columns(format!("{down}.weight"), &format!("{ours}.down.weight"), columns);
        }
    }
}
