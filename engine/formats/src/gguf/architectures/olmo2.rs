//! OLMo 2 (Team OLMo 2024): Llama with norms on the outputs of attention and MLP, and on all queries and all keys of a token; channels
//! are stored like ours.

use super::{Architecture, llama};
use crate::gguf::facts::Facts;
use crate::tensors::TensorTable;
use glasshouse_platform::Result;
use glasshouse_protocol::{ModelConfig, NormConfig, NormPlacement};

pub(super) const ARCHITECTURE: Architecture = Architecture {
    name: "olmo2",
    read,
    write: llama::settings_of_full_heads,
    tensors,
    nearly,
    ..llama::OUR_ORDER
};

fn read(facts: &mut Facts<'_>) -> Result<ModelConfig> {
    let model = llama::shared(facts)?;
    let norm = NormConfig { placement: NormPlacement::Output, ..model.norm.clone() };
    llama::full_heads(
        facts,
        ModelConfig { qk_norm: true, qk_norm_whole: true, norm, tied_head: false, ..model },
    )
}

/// llama.cpp requires a head.
fn nearly(model: &mut ModelConfig) -> Option<String> {
    std::mem::take(&mut model.tied_head).then(|| {
        "the head, which is the embedding, is stored twice: llama.cpp reads no tied head of this architecture".to_owned()
    })
}

fn tensors(model: &ModelConfig, table: &mut TensorTable<'_>) {
    (llama::OUR_ORDER.tensors)(model, table);
    if model.tied_head {
        table.whole("output.weight", "embedding.tokens");
    }
}
