//! What PyTorch needs to train a run on identical batches from identical weights; `tests/python/train_nanogpt.py` reads it.

use glasshouse_engine::data::{self, Batch, Batches, Split};
use glasshouse_engine::initial;
use glasshouse_engine::model::training_graphs;
use glasshouse_engine::plan::arena::ArenaLayout;
use glasshouse_engine::protocol::RunConfig;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;
use std::path::Path;

/// Writes `run.toml`, `weights.safetensors` (initial weights by name) and `batches.safetensors` (tokens and targets of every step,
/// of nanoGPT's 20 evaluation batches, and the whole validation split) of a run on its texts into the folder `out`; of a
/// `shortened` run the first steps' batches alone. `glasshouse train` with the same settings draws the same.
pub fn write(mut config: RunConfig, shortened: Option<u64>, out: &Path) {
    std::fs::create_dir_all(out).unwrap();
    let prepared = data::prepare(&config, out, &mut |_| {}).expect("text");
    config.model.vocabulary = prepared.tokenizer.vocabulary_size();
    std::fs::write(out.join("run.toml"), config.to_toml().unwrap()).unwrap();
    weights(&config, &out.join("weights.safetensors"));
    let store = &prepared.store;
    let batches =
        Batches::windows(store, config.seed, config.train.batch_size, config.model.context_length).unwrap();
    let steps = shortened.unwrap_or(config.train.steps);
    let train: Vec<Batch> = (0..steps).map(|step| batches.train(step, 0).unwrap()).collect();
    let (rows, context) = (config.train.batch_size, config.model.context_length);
    let mut tensors: BTreeMap<&str, (Vec<usize>, Vec<u8>)> = BTreeMap::new();
    let mut put = |name, shape: &[usize], ids: Vec<u32>| {
        tensors.insert(name, (shape.to_vec(), ids.iter().flat_map(|id| id.to_le_bytes()).collect()));
    };
    let gather = |batches: &[Batch], of: fn(&Batch) -> &Vec<u32>| {
        batches.iter().flat_map(|batch| of(batch).clone()).collect()
    };
    put("tokens", &[train.len(), rows, context], gather(&train, |batch| &batch.tokens));
    put("targets", &[train.len(), rows, context], gather(&train, |batch| &batch.targets));
    if shortened.is_none() {
        let evaluation: Vec<Batch> = (0..config.train.eval_batches as u64)
            .map(|index| batches.evaluation(Split::Validation, index).unwrap())
            .collect();
        let length = store.len(Split::Validation) as usize;
        let stream = store.read(Split::Validation, 0, length).unwrap();
        put(
            "validation.tokens",
            &[evaluation.len(), rows, context],
            gather(&evaluation, |batch| &batch.tokens),
        );
        put(
            "validation.targets",
            &[evaluation.len(), rows, context],
            gather(&evaluation, |batch| &batch.targets),
        );
        put("validation.stream", &[length], stream);
    }
    write_tensors(&out.join("batches.safetensors"), &tensors, Dtype::I32);
}

fn weights(config: &RunConfig, path: &Path) {
    let graph = training_graphs(&config.model, &config.train).unwrap().train;
    let layout = ArenaLayout::of(&graph);
    let arena = initial::parameters(&graph.parameters, &layout, config.seed);
    let mut tensors = BTreeMap::new();
    for (at, parameter) in graph.parameters.iter().enumerate() {
        let entries = &arena[layout.offsets[at]..layout.offsets[at] + layout.counts[at]];
        let bytes = entries.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        tensors.insert(parameter.name.as_str(), (parameter.ty.shape.clone(), bytes));
    }
    write_tensors(path, &tensors, Dtype::F32);
}

fn write_tensors(path: &Path, tensors: &BTreeMap<&str, (Vec<usize>, Vec<u8>)>, dtype: Dtype) {
    let views = tensors
        .iter()
        .map(|(name, (shape, bytes))| (*name, TensorView::new(dtype, shape.clone(), bytes).unwrap()));
    safetensors::serialize_to_file(views, None, path).unwrap();
}
