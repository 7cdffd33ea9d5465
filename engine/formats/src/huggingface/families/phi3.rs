//! Phi-3, Phi-3.5 mini and Phi-4 (Abdin et al. 2024): Llama with fused matrices, LongRoPE and partial rotary positions.

use super::super::fields::{Fields, rope_fields, shortest};
use super::llama::{self, Defaults};
use super::{Family, llama_like, packed_rows, with};
use crate::tensors::{BiasRule::AsOurs, TensorTable};
use glasshouse_platform::Result;
use glasshouse_protocol::model::Dropout;
use glasshouse_protocol::{ModelConfig, Position, Rope, RopeScaling};
use serde_json::{Map, Value, json};

pub(super) const FAMILY: Family = Family { tensors, ..llama_like!("phi3", "Phi3", read, write) };

/// The field of the context length of the original training.
const ORIGINAL: &str = "original_max_position_embeddings";

fn read(fields: &mut Fields) -> Result<ModelConfig> {
    fields.defaults([(ORIGINAL, 4096)]);
    fields.ignore(&[ORIGINAL]);
    // Written by Phi-4 mini; the class does not have them.
    fields.must_be("full_attn_mod", &json!(1))?;
    fields.must_be("interpolate_factor", &json!(1))?;
    fields.must_be("lm_head_bias", &json!(false))?;
    let model = llama::shared(fields, Defaults { eps: 1e-5, partial: true, ..Defaults::LLAMA })?;
    if let Position::Rope(rope) = &model.position
        && !matches!(rope.scaling, None | Some(RopeScaling::Longrope { .. }))
    {
        return Err(
            fields.error("rope_scaling: Phi-3 has no other scaling of rotary positions than longrope")
        );
    }
    let mut rate = |name| fields.number_or(name, 0.0).map(|rate| rate as f32);
    let dropout = Dropout { embedding: rate("embd_pdrop")?, residual: rate("resid_pdrop")?, ..model.dropout };
    Ok(ModelConfig { sliding_window: fields.whole_or_none("sliding_window")?, dropout, ..model })
}

fn write(model: &ModelConfig) -> Map<String, Value> {
    let mut fields = llama::shared_fields(model);
    let mut original = model.context_length;
    if let Position::Rope(rope) = &model.position {
        let scaling = rope.scaling.clone().filter(|scaling| matches!(scaling, RopeScaling::Longrope { .. }));
        if let Some(RopeScaling::Longrope { original_context_length, .. }) = scaling {
            original = original_context_length;
        }
        fields.remove("rope_scaling");
        let rope = Rope { scaling, ..rope.clone() };
        fields.extend(rope_fields(&rope, Some(("partial_rotary_factor", model.head_size))));
    }
    let own = json!({
        ORIGINAL: original,
        "sliding_window": model.sliding_window,
        "embd_pdrop": shortest(model.dropout.embedding),
        "resid_pdrop": shortest(model.dropout.residual),
    });
    with(fields, own)
}

fn tensors(model: &ModelConfig, table: &mut TensorTable<'_>) {
    let rows = packed_rows(model);
    table.whole("model.embed_tokens.weight", "embedding.tokens");
    table.blocks(model.layers, "model.layers", |block| {
        let norms = [("input_layernorm", "attention.norm"), ("post_attention_layernorm", "mlp.norm")];
        block.layers(AsOurs, &norms);
        block.rows("self_attn.qkv_proj", "attention.qkv", rows.clone(), AsOurs);
        block.layers(AsOurs, &[("self_attn.o_proj", "attention.output")]);
        block.layers(AsOurs, &[("mlp.gate_up_proj", "mlp.up"), ("mlp.down_proj", "mlp.down")]);
    });
    table.layers(AsOurs, &[("model.norm", "norm")]);
    table.whole("lm_head.weight", "head.weight");
}
